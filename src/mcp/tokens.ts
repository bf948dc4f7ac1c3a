import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EngramError } from "../crypto/errors.ts";
import { PRINCIPALS } from "../node/commands/open-client.ts";
import { replaceFile } from "../node/runtime/replace-file.ts";
import { Secret } from "../node/runtime/secret.ts";

/** The file of hashes in a home: whoever reads it cannot use a token. */
export const tokensFile = "mcp-tokens.json";

const tokenBytes = 32;
const maxTokens = 1_000;

const principalName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/);

const fileSchema = z.object({
  version: z.literal(1),
  tokens: z
    .array(
      z.object({
        name: principalName,
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        created: z.iso.datetime(),
      }),
    )
    .max(maxTokens),
});

export type TokenEntry = z.infer<typeof fileSchema>["tokens"][number];

/** The folder with a principal's own wallet, namespaces and memories. */
export function principalHome(home: string, name: string): string {
  return join(home, PRINCIPALS, parseName(name));
}

/** The folder of those who only pay: no principal has this name. */
export function anonymousHome(home: string): string {
  return join(home, PRINCIPALS, "_anonymous");
}

/** The tokens of a home; none when there is no file. Throws `TOKENS_UNREADABLE` rather than serving without. */
export async function readTokens(home: string): Promise<readonly TokenEntry[]> {
  const path = join(home, tokensFile);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unreadable(path, error);
  });
  if (text === undefined) return [];
  try {
    return fileSchema.parse(JSON.parse(text)).tokens;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): EngramError {
  return new EngramError("TOKENS_UNREADABLE", `The token file ${path} cannot be read`, {
    fix: "Repair or delete it, and add tokens again with `engram mcp token add NAME`.",
    cause,
  });
}

/** Makes a token for a new principal. Its only copy is what this returns. Throws when the name has one already. */
export async function addToken(home: string, name: string, now: Date): Promise<Secret<string>> {
  const parsed = parseName(name);
  const tokens = await readTokens(home);
  if (tokens.some((entry) => entry.name === parsed)) {
    throw new EngramError("TOKEN_EXISTS", `There is a token for ${JSON.stringify(parsed)} already`, {
      fix: `Remove it first with \`engram mcp token remove ${parsed}\`; its memories stay.`,
    });
  }
  if (tokens.length >= maxTokens) throw new EngramError("TOKENS_TOO_MANY", `There are ${maxTokens} tokens already`);
  const token = `engram_${randomBytes(tokenBytes).toString("base64url")}`;
  await writeTokens(home, [...tokens, { name: parsed, sha256: sha256(token), created: now.toISOString() }]);
  return new Secret(token);
}

/** Takes a principal's token away; the memories stay. False when there was none. */
export async function removeToken(home: string, name: string): Promise<boolean> {
  const tokens = await readTokens(home);
  const left = tokens.filter((entry) => entry.name !== name);
  if (left.length === tokens.length) return false;
  await writeTokens(home, left);
  return true;
}

/** The principal a bearer token belongs to. Every hash is compared, so the time tells nothing about any. */
export function principalOf(tokens: readonly TokenEntry[], presented: string): string | undefined {
  const hash = Buffer.from(sha256(presented), "hex");
  return tokens.filter((entry) => timingSafeEqual(Buffer.from(entry.sha256, "hex"), hash)).at(0)?.name;
}

function parseName(name: string): string {
  const parsed = principalName.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new EngramError("TOKEN_NAME_INVALID", `${JSON.stringify(name.slice(0, 64))} is not a principal's name`, {
    fix: "Use 1 to 32 lowercase letters, digits and hyphens.",
  });
}

function sha256(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

async function writeTokens(home: string, tokens: readonly TokenEntry[]): Promise<void> {
  await replaceFile(join(home, tokensFile), `${JSON.stringify({ version: 1, tokens }, undefined, 2)}\n`);
}
