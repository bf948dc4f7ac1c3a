import { expect, test } from "vitest";
import { checkFinality, judgeFinality } from "../../src/relay/finality.ts";
import { SteppedChain } from "./relay-kit.ts";

const block = { number: 10, hash: "0xa" };

test.each([
  ["finalized, canonical, three deep", { finalized: 10, head: 13, canonicalHash: "0xa" }, "final"],
  ["two deep", { finalized: 10, head: 12, canonicalHash: "0xa" }, "waiting"],
  ["not finalized, however deep", { finalized: 9, head: 99, canonicalHash: "0xa" }, "waiting"],
  ["another block in its place", { finalized: 10, head: 13, canonicalHash: "0xb" }, "orphaned"],
  ["no such block at the moment", { finalized: 9, head: 9, canonicalHash: null }, "waiting"],
] as const)("%s", (_, view, expected) => {
  expect(judgeFinality(block, view)).toBe(expected);
});

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("over 200 seeds of reorganisations nothing counts as final that is replaced later", async () => {
  const seen = { final: 0, waiting: 0, orphaned: 0 };
  for (let seed = 1; seed <= 200; seed += 1) {
    const next = random(seed);
    const chain = new SteppedChain();
    chain.grow(5);
    const emitted = chain.block(chain.hashes.length - 1);
    let wasFinal = false;
    for (let step = 0; step < 30; step += 1) {
      chain.grow(1);
      const unfinalized = chain.hashes.length - 1 - chain.finalizedNumber;
      const depth = Math.min(1 + Math.floor(next() * 10), unfinalized);
      if (next() < 0.3 && depth > 0) chain.reorganise(depth);
      chain.finalize(chain.hashes.length - 1 - Math.floor(next() * 12));
      const finality = await checkFinality(chain, emitted);
      seen[finality] += 1;
      if (wasFinal) expect(finality).toBe("final");
      wasFinal ||= finality === "final";
      if (finality === "final") expect(chain.hashes[emitted.number]).toBe(emitted.hash);
      if (chain.hashes[emitted.number] !== emitted.hash) expect(finality).not.toBe("final");
    }
  }
  expect(Math.min(seen.final, seen.waiting, seen.orphaned)).toBeGreaterThan(100);
});
