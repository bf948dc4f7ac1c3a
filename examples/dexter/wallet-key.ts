import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The key that `engram up` gave test dollars: an agent of your own brings its wallet's. */
export async function walletKey(home: string): Promise<`0x${string}`> {
  const key = (await readFile(join(home, "payer-key"), "utf8")).trim();
  return key as `0x${string}`;
}
