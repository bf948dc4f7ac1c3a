import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { placesOf } from "../../src/crypto/xor-placement.ts";
import { entriesOf, repeatedTexts } from "../../src/node/validator/ground-truth/generate.ts";
import { loadGroundTruth, saveGroundTruth } from "../../src/node/validator/ground-truth/ground-truth-file.ts";
import { type SeedOptions, seedMiners } from "../../src/node/validator/ground-truth/seed-miners.ts";
import { SENTENCES } from "../../src/node/validator/ground-truth/sentences.ts";
import { HashEmbedder } from "../support/hash-embedder.ts";
import { DIM, MeasuringBench } from "./measuring-bench.ts";

let bench: MeasuringBench;
beforeEach(async () => {
  bench = await MeasuringBench.start();
});
afterEach(() => bench[Symbol.asyncDispose]());

async function groundTruth(count: number) {
  const texts = repeatedTexts(SENTENCES, count);
  return entriesOf(texts, await new HashEmbedder(DIM).embed(texts));
}

async function seed(entries: Awaited<ReturnType<typeof groundTruth>>, options: Partial<SeedOptions> = {}) {
  const deps = { ...bench.deps, http: bench.network };
  return await seedMiners(deps, entries, bench.miners, { paceMs: 700, all: false, ...options });
}

test("each record goes to the three miners it belongs to, at a pace, and who took it is known", async () => {
  for (let uid = 0; uid < 5; uid++) bench.add();
  const entries = await groundTruth(20);
  const reports = await seed(entries);
  for (const [uid, { hotkey }] of bench.miners.entries()) {
    const belong = entries.filter(({ cid }) =>
      placesOf(cid, bench.miners)
        .slice(0, 3)
        .some((m) => m.uid === uid),
    );
    expect(reports.find(({ miner }) => miner === hotkey)).toMatchObject({ stored: belong.length, failed: 0 });
    expect([...(await bench.store.call("heldBy", { miner: hotkey }))].sort()).toEqual(belong.map((e) => e.cid).sort());
  }
  expect(bench.seen).toHaveLength(60);
  expect(bench.clock.slept).toEqual(Array(60).fill(700));
  // Again: nobody is given anything twice.
  expect((await seed(entries)).map(({ stored }) => stored)).toEqual(reports.map(({ stored }) => stored));
  expect(bench.seen).toHaveLength(60);
});

test("all miners get all records where it is asked for, and a new record alone where the others are there", async () => {
  for (let uid = 0; uid < 4; uid++) bench.add();
  const entries = await groundTruth(6);
  await seed(entries.slice(0, 5), { all: true, paceMs: 0 });
  expect(bench.clock.slept).toEqual([]);
  expect((await seed(entries, { all: true })).map(({ stored }) => stored)).toEqual([6, 6, 6, 6]);
  expect(bench.seen).toHaveLength(24);
});

test("a miner that has enough is given time, five times at most", async () => {
  let refusals = 2;
  bench.add((honest, call) => (refusals-- > 0 ? { status: 429, text: "{}", elapsedMs: 5 } : honest(call)));
  bench.add(() => ({ status: 429, text: "{}", elapsedMs: 5 }));
  const [patient, stubborn] = await seed(await groundTruth(1));
  expect(patient).toMatchObject({ stored: 1, failed: 0 });
  expect(stubborn).toMatchObject({ stored: 0, failed: 1 });
  expect(bench.clock.slept.filter((ms) => ms === 62_000)).toHaveLength(2 + 4);
  expect(bench.seen.filter(({ uid }) => uid === 1)).toHaveLength(5);
});

test("another CID, a refusal and silence are told apart, and nobody answers for what it did not take", async () => {
  const [other, none] = ['{"cid":"v1::other"}', '{"error":"no"}'];
  bench.add(() => ({ status: 200, text: other, elapsedMs: 5 }));
  bench.add(() => ({ status: 200, text: none, elapsedMs: 5 }));
  bench.add(() => null);
  const entries = await groundTruth(5);
  const counts = (await seed(entries)).map(({ stored, mismatched, failed }) => [stored, mismatched, failed]);
  expect(counts).toEqual([
    [0, 5, 0],
    [0, 0, 5],
    [0, 0, 5],
  ]);
  // The silent one was given up.
  expect(bench.seen.filter(({ uid }) => uid === 2)).toHaveLength(2);
  for (const { hotkey } of bench.miners) expect(await bench.store.call("heldBy", { miner: hotkey })).toEqual([]);
});

test("what is saved is loaded again; bad lines are named, a missing file is empty, a folder is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-ground-truth-"));
  try {
    const path = join(folder, "ground_truth.jsonl");
    const entries = await groundTruth(SENTENCES.length + 2);
    expect(entries.at(-1)?.text).toBe(`[v1] ${SENTENCES[1]}`);
    await saveGroundTruth(path, entries);
    expect(await loadGroundTruth(path)).toEqual({ entries, skipped: [] });
    const line = '{"text":"t","embedding":[1],"cid":"c"';
    const lines = [
      `${line}}`,
      "5",
      "[]",
      "",
      `${line},"embedding":["x"]}`,
      `${line},"top_k_cids":[1,"a"]}`,
      '{"text":',
    ];
    await writeFile(path, [...lines, '{"text":"t","embedding":[1e300],"cid":"c"}'].join("\n"));
    const loaded = await loadGroundTruth(path);
    expect(loaded.skipped).toEqual([2, 3, 5, 7, 8]);
    expect(loaded.entries.map(({ topK }) => topK)).toEqual([["c"], ["a"]]);
    expect(await loadGroundTruth(join(folder, "none"))).toEqual({ entries: [], skipped: [] });
    await expect(loadGroundTruth(folder)).rejects.toMatchObject({ code: "GROUND_TRUTH_UNREADABLE" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
