import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { USE_LITE_PROFILE } from "../embedding/use-lite.ts";
import type { EmbeddingProfile, VectorStore } from "../ports.ts";

/**
 * A miner's vectors are of one model for good: those of another would be compared with them and mean nothing, and most of
 * them came from others as they are, so that no text is left to embed anew. Errors: `MINER_PROFILE`.
 */
export async function keepProfile(folder: string, profile: EmbeddingProfile, store: VectorStore): Promise<void> {
  const path = join(folder, "profile.json");
  const kept = (await read(path)) ?? ((await store.count()) > 0 ? textOf(USE_LITE_PROFILE) : undefined);
  if (kept !== undefined && kept !== textOf(profile)) {
    throw new EngramError("MINER_PROFILE", "this miner's records were embedded by another model", {
      fix: "set ENGRAM_EMBEDDER as it was, or start a miner in another folder",
    });
  }
  await writeFile(path, textOf(profile), { mode: 0o600 });
}

function textOf({ model, dim, normalized }: EmbeddingProfile): string {
  return `${JSON.stringify({ model, dim, normalized })}\n`;
}

async function read(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
