import { setImmediate } from "node:timers";
import { expect, test } from "vitest";
import type { Memory } from "../../src/node/client/memory.ts";
import { privateOverlap } from "../../src/node/client/private-overlap.ts";

/** Twenty characters that both texts are made of, apart by others, so that nowhere 40 are alike. */
const UNIT = "abcdefghijklmnopqrst";

async function* memories(...texts: readonly string[]): AsyncGenerator<Memory> {
  for (const text of texts) yield { id: text.slice(0, 5), text, visibility: "private" } as Memory;
}

test("texts made to be slow to compare neither hold up the process nor are compared to the end", async () => {
  const published = Array.from({ length: 780 }, (_, index) => UNIT + String.fromCharCode(0x4e00 + index)).join("");
  const own = `${UNIT}01234567890123456789`.repeat(2_500);
  let turns = 0;
  let runs = true;
  const beat = () => {
    turns += 1;
    if (runs) setImmediate(beat);
  };
  setImmediate(beat);
  const report = await privateOverlap(published, memories(own));
  runs = false;
  expect(report).toEqual({ found: null, complete: false });
  expect(turns).toBeGreaterThan(2);
});

test("40 characters are found behind many places that look alike, 39 are not", async () => {
  const secret = "The key is under the third stone, left of it.";
  const published = `${UNIT} `.repeat(50) + secret.slice(0, 40);
  const alike = `${UNIT}-`.repeat(50);
  expect(await privateOverlap(published, memories(alike, secret))).toMatchObject({ found: { id: "The k" } });
  const short = `${UNIT} `.repeat(50) + secret.slice(0, 39);
  expect(await privateOverlap(short, memories(secret))).toEqual({ found: null, complete: true });
});
