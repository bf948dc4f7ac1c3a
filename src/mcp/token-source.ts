import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readTokens, type TokenEntry, tokensFile } from "./tokens.ts";

/** The tokens that count now. */
export type TokenSource = () => Promise<readonly TokenEntry[]>;

/** How long a removed token may still be served. */
const staleMs = 1_000;

/** Reads a home's token file again when it changed, so that a token works, or stops working, without a restart. */
export function watchTokens(home: string, now: () => number): TokenSource {
  let checkedAt = Number.NEGATIVE_INFINITY;
  let version = "";
  let tokens: readonly TokenEntry[] = [];
  return async () => {
    if (now() - checkedAt < staleMs) return tokens;
    const found = await stat(join(home, tokensFile)).catch(() => undefined);
    // A replaced file is a new inode even when it was written in the same millisecond.
    const current = found ? `${found.ino}:${found.mtimeMs}:${found.size}` : "none";
    if (current !== version) tokens = await readTokens(home);
    version = current;
    checkedAt = now();
    return tokens;
  };
}
