import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import type { BlockRef, Metagraph } from "../../src/node/ports.ts";
import { someHotkey } from "../compliance/chain-client.ts";

const LAG = 10;
const RUNS = Number(process.env["ENGRAM_REORG_SEEDS"] ?? 200);
const settings = {
  blocks: "stepped",
  blockMs: 12_000,
  finalityLag: LAG,
  historyBlocks: 4_096,
  weightsInterval: 1,
} as const;

const folder = await mkdtemp(join(tmpdir(), "engram-reorg-"));
const chain = new LocalChain({ path: join(folder, "chain.db"), settings });
afterAll(async () => {
  await chain[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const include = fc.constantFrom("some" as const, "all" as const, "none" as const);
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("step" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("commit" as const), who: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("register" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("weights" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("reorg" as const),
      depth: fc.integer({ min: 1, max: LAG }),
      seed: fc.nat(),
      include,
    }),
  },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

interface Final {
  readonly block: BlockRef;
  readonly metagraph: Metagraph;
  readonly commitments: readonly (string | undefined)[];
  readonly weights: unknown;
}

const writers = Array.from({ length: 4 }, someHotkey);
const [validator] = writers as [Hotkey];
const finals: Final[] = [];
/** Commitments that a reorganisation took away for good. */
const gone = new Set<string | undefined>();
let counter = 0;

async function stateAt(block: BlockRef): Promise<Final> {
  const commitments = await Promise.all(
    writers.map(async (writer) => textOf(await chain.commitment(writer, block.number))),
  );
  return {
    block,
    metagraph: await chain.metagraph(block.number),
    commitments,
    weights: await chain.weights(block.number),
  };
}

const textOf = (bytes: Uint8Array | null) => (bytes ? Buffer.from(bytes).toString() : undefined);

async function perform(step: Action): Promise<void> {
  switch (step.do) {
    case "step":
      await chain.step(step.count);
      return;
    case "commit": {
      const text = `commitment ${counter++}`;
      await chain.setCommitment(writers[step.who] as Hotkey, Buffer.from(text));
      return;
    }
    case "register":
      await chain.register(someHotkey(), validator);
      return;
    case "weights":
      // Refused when the validator wrote in this block already.
      await chain.setWeights(validator, new Map([[counter++ % 4, 1]])).catch(() => undefined);
      return;
    case "reorg":
      await reorg(step);
  }
}

async function reorg({ depth, seed, include }: Extract<Action, { do: "reorg" }>): Promise<void> {
  const before = await chain.head();
  const finalized = await chain.finalized();
  const fork = before.number - depth;
  const lost = (await stateAt(before)).commitments;
  const hashes = await Promise.all(Array.from({ length: depth + 1 }, (_, i) => chain.blockHash(fork + i)));
  const { head, orphaned } = await chain.reorg({ depth, seed, include });
  expect(head.number).toBe(before.number);
  expect(orphaned.map(({ hash }) => hash)).toEqual(hashes.slice(1));
  expect(await chain.blockHash(fork)).toBe(hashes[0]);
  for (const block of orphaned) expect(await chain.blockHash(block.number)).not.toBe(block.hash);
  expect(await chain.finalized()).toEqual(finalized);
  if (include === "none") await expectGone(fork, head.number, lost);
  if (include === "all") expect((await stateAt(head)).commitments).toEqual(lost);
}

/** Nothing written above the fork is left; `lost` is what stood there. */
async function expectGone(fork: number, head: number, lost: readonly (string | undefined)[]): Promise<void> {
  const atFork = await stateAt({ number: fork, hash: "" });
  const atHead = await stateAt({ number: head, hash: "" });
  expect(atHead.commitments).toEqual(atFork.commitments);
  expect(atHead.weights).toEqual(atFork.weights);
  expect(atHead.metagraph.neurons).toEqual(atFork.metagraph.neurons);
  for (const [index, text] of lost.entries()) if (text !== atFork.commitments[index]) gone.add(text);
}

test(`over ${RUNS} seeds of reorganisations nothing final changes, and what was orphaned is gone`, async () => {
  for (const writer of writers) await chain.register(writer, validator);
  await chain.stake(validator, 100);
  await chain.step(LAG + 1);
  let reorgs = 0;
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 6, maxLength: 14 }), async (steps) => {
      for (const step of steps) {
        await perform(step);
        if (step.do === "reorg") reorgs += 1;
      }
      // One chain serves all runs: what was final in earlier ones must be so still.
      for (const final of [finals.at(-1), finals[run++ % Math.max(1, finals.length)]]) {
        if (final) expect(await stateAt(final.block)).toEqual(final);
      }
      for (const text of (await stateAt(await chain.head())).commitments) expect(gone).not.toContain(text);
      const block = await chain.finalized();
      expect(await chain.blockHash(block.number)).toBe(block.hash);
      finals.push(await stateAt(block));
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  expect(reorgs).toBeGreaterThan(RUNS);
  expect(gone.size).toBeGreaterThan(RUNS / 20);
  for (const { block } of finals) expect(await chain.blockHash(block.number)).toBe(block.hash);
}, 120_000);

test("a call that what it needs was orphaned with is not included again", async () => {
  await chain.step(LAG + 1);
  const hotkey = someHotkey();
  await chain.register(hotkey, hotkey);
  await chain.setCommitment(hotkey, Uint8Array.of(7));
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 24; seed += 1) {
    await chain.reorg({ depth: 1, seed });
    const [uid, commitment] = [await chain.uidOf(hotkey), await chain.commitment(hotkey, (await chain.head()).number)];
    outcomes.add(`${uid !== null}/${commitment !== null}`);
    if (uid === null) await chain.register(hotkey, hotkey);
    if (commitment === null) await chain.setCommitment(hotkey, Uint8Array.of(7));
  }
  expect(outcomes.has("false/true")).toBe(false);
  expect(outcomes).toContain("true/true");
  expect(outcomes).toContain("false/false");
});

test("the same seed makes the same chain of the same blocks, another seed another", async () => {
  const first = join(folder, "first.db");
  {
    await using original = new LocalChain({ path: first, settings });
    await original.step(LAG);
    for (let n = 0; n < 8; n += 1) await original.register(someHotkey(), validator);
  }
  const outcomes: unknown[] = [];
  for (const seed of [5, 5, 6]) {
    const path = join(folder, `copy-${outcomes.length}.db`);
    await copyFile(first, path);
    await using copy = new LocalChain({ path, settings });
    outcomes.push([await copy.reorg({ depth: 3, seed }), await copy.metagraph(LAG)]);
  }
  expect(outcomes[1]).toEqual(outcomes[0]);
  expect(outcomes[2]).not.toEqual(outcomes[0]);
});
