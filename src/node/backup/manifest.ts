import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { replaceFile } from "../runtime/replace-file.ts";

const MANIFEST = "backup.json";

const relativePath = z.string().refine((path) => {
  const parts = path.split("/");
  return path !== MANIFEST && !path.includes("\\") && parts.every((part) => !["", ".", ".."].includes(part));
}, "must lie in the backup");

const manifestSchema = z.strictObject({
  version: z.literal(1),
  /** When the backup began: what was acknowledged before is in it. */
  began_at: z.iso.datetime(),
  with_keys: z.boolean(),
  files: z.array(
    z.strictObject({
      path: relativePath,
      kind: z.enum(["database", "plain", "key"]),
      bytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** What a backup holds; written last, so that a backup without one is not whole. */
export type Manifest = z.output<typeof manifestSchema>;
export type BackupFile = Manifest["files"][number];

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await replaceFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Errors: `BACKUP_INCOMPLETE` when there is none, or no good one. */
export async function readManifest(folder: string): Promise<Manifest> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
  } catch (cause) {
    throw new EngramError("BACKUP_INCOMPLETE", `${folder} holds no whole backup`, {
      fix: `name the folder that holds ${MANIFEST}; a backup that was interrupted has none: make it again`,
      cause,
    });
  }
}

/** Size and SHA-256 of a file, read at its own pace. */
export async function digestFile(path: string): Promise<Pick<BackupFile, "bytes" | "sha256">> {
  const hash = createHash("sha256");
  let bytes = 0;
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { bytes, sha256: hash.digest("hex") };
}
