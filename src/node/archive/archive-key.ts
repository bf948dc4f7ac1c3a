import { readFile } from "node:fs/promises";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { Secret } from "../runtime/secret.ts";

const part = z.string().regex(/^[A-Za-z0-9_-]+$/);
const schema = z.object({
  kty: z.literal("RSA"),
  e: part,
  n: part.min(342),
  d: part,
  p: part,
  q: part,
  dp: part,
  dq: part,
  qi: part,
});

/** An Arweave wallet: an RSA key as a JSON Web Key. */
export type ArchiveKey = z.output<typeof schema>;

/**
 * Reads ARWEAVE_KEY: the wallet's JSON itself, as the reference takes it, or the path of the wallet file. Errors:
 * `ARCHIVE_KEY_INVALID`, which never quotes what was read.
 */
export async function readArchiveKey(variable: string): Promise<Secret<ArchiveKey>> {
  const isJson = variable.trimStart().startsWith("{");
  try {
    const text = isJson ? variable : await readFile(variable, "utf8");
    return new Secret(schema.parse(JSON.parse(text)));
  } catch {
    throw new EngramError("ARCHIVE_KEY_INVALID", "ARWEAVE_KEY leads to no usable Arweave wallet", {
      fix: "set it to the path of a wallet file: a 4096-bit RSA key as JSON (JWK), readable by you alone",
    });
  }
}
