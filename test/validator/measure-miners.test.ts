import { afterEach, beforeEach, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { capabilityMessage } from "../../src/node/protocol/capabilities.ts";
import { entriesOf } from "../../src/node/validator/ground-truth/generate.ts";
import { CALL_MS } from "../../src/node/validator/miner-probe.ts";
import { TestKey } from "../miner/miner-under-test.ts";
import { HashEmbedder } from "../support/hash-embedder.ts";
import { DIM, MeasuringBench } from "./measuring-bench.ts";

let bench: MeasuringBench;
beforeEach(async () => {
  bench = await MeasuringBench.start();
});
afterEach(() => bench[Symbol.asyncDispose]());

async function groundTruth(count: number) {
  const texts = Array.from({ length: count }, (_, index) => `text ${index}`);
  return entriesOf(texts, await new HashEmbedder(DIM).embed(texts));
}

function callsTo(uid: number, path: string) {
  return bench.seen.filter((call) => call.uid === uid && call.path === path);
}

test("every sample of a round counts, whichever it is (V-W8)", async () => {
  bench.add();
  // Answers all but one of five queries; another one in each round.
  for (const missed of [0, 1, 2, 3, 4]) {
    let asked = 0;
    bench.add((honest, call) => (call.path === "/QuerySynapse" && asked++ % 5 === missed ? null : honest(call)));
  }
  const [honest, ...others] = await bench.measure();
  expect(honest).toMatchObject({ recall: 1, latencyMs: 50, proofs: Array(5).fill(true) });
  for (const { recall, latencyMs } of others) {
    expect(recall).toBeCloseTo(0.8);
    expect(latencyMs).toBeCloseTo((4 * 50 + CALL_MS) / 5);
  }
});

test("time is what passes here: what a miner says of it counts for nothing (V-W2)", async () => {
  bench.add((honest, call) => {
    const answer = honest(call);
    if (answer === null || call.path !== "/QuerySynapse") return answer;
    const text = JSON.stringify({ ...JSON.parse(answer.text), latency_ms: 1e-9 });
    return { ...answer, text, elapsedMs: 400 };
  });
  expect(await bench.measure()).toMatchObject([{ recall: 1, latencyMs: 400 }]);
});

test("a dead miner is asked twice in a round and no more, and holds up nobody (V-W15)", async () => {
  bench.add(() => null);
  bench.add();
  const [dead, honest] = await bench.measure();
  expect(dead).toMatchObject({ recall: 0, latencyMs: null, proofs: Array(5).fill(false) });
  expect(honest).toMatchObject({ recall: 1, proofs: Array(5).fill(true) });
  expect(bench.seen.filter(({ uid }) => uid === 0)).toHaveLength(2);
  // The next round asks again.
  await bench.measure();
  expect(bench.seen.filter(({ uid }) => uid === 0)).toHaveLength(4);
});

test("who publishes the address of another miner gets nothing for what that one does (V-W6)", async () => {
  const key = new TestKey();
  const profile = { model: "m", dim: DIM, normalized: true };
  const said = { chain: "local:test", hotkey: key.hotkey, caps: [], profile, endpoint: "http://miner", issued_at: 1 };
  const caps = { ...said, signature: `0x${toHex(key.sign(capabilityMessage(said)))}` };
  const { hotkey } = bench.add((honest, call) =>
    call.path === "/health" ? { status: 200, text: JSON.stringify({ caps }), elapsedMs: 5 } : honest(call),
  );
  const [squatter] = bench.miners;
  if (squatter) bench.miners.push({ ...squatter, uid: 1, hotkey: key.hotkey });
  const [squats, owns] = await bench.measure();
  expect(squats).toMatchObject({ hotkey, recall: 0, latencyMs: null, proofs: Array(5).fill(false) });
  expect(owns).toMatchObject({ hotkey: key.hotkey, recall: 1, latencyMs: 50, proofs: Array(5).fill(true) });
});

test("a refusal is no silence: a miner that takes no canary is asked for them all the same", async () => {
  bench.add((honest, call) =>
    call.path === "/IngestSynapse" ? { status: 403, text: "{}", elapsedMs: 5 } : honest(call),
  );
  expect(await bench.measure()).toMatchObject([{ recall: 0, latencyMs: 50, proofs: Array(5).fill(false) }]);
  expect(callsTo(0, "/ChallengeSynapse")).toHaveLength(5);
  expect(callsTo(0, "/QuerySynapse")).toHaveLength(5);
});

test("no two calls carry the same signature or nonce of a challenge (V-W5)", async () => {
  bench.add();
  bench.add();
  await bench.measure();
  const bodies = bench.seen.flatMap(({ bodyText }) => (bodyText === null ? [] : [JSON.parse(bodyText)]));
  expect(bodies.length).toBeGreaterThan(50);
  expect(new Set(bodies.map(({ signature }) => signature)).size).toBe(bodies.length);
  const nonces = bodies.flatMap(({ nonce_hex }) => nonce_hex ?? []);
  expect(new Set(nonces).size).toBe(10);
});

test("what is challenged differs from round to round, and was placed before", async () => {
  bench.add();
  const challenged: string[][] = [];
  for (let round = 0; round < 4; round++) {
    await bench.measure();
    const cids = callsTo(0, "/ChallengeSynapse").map(({ bodyText }) => JSON.parse(bodyText ?? "").cid);
    challenged.push(cids.slice(-5));
  }
  expect(new Set(challenged.map((cids) => cids.sort().join())).size).toBe(4);
});

test("a miner answers for the ground truth it holds, and not for what others hold (V-W9)", async () => {
  const entries = await groundTruth(30);
  const held = entries.slice(0, 5);
  const { miner, hotkey } = bench.add();
  bench.add();
  for (const { embedding } of held) miner.reply("/IngestSynapse", { raw_embedding: [...embedding] });
  await bench.store.call("hold", { miner: hotkey, cids: held.map(({ cid }) => cid) });
  const asked = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const [one, other] = await bench.measure(entries);
    expect(one).toMatchObject({ recall: 1, proofs: Array(5).fill(true) });
    // Assigned all of it, holding none: tried, and not counted.
    expect(other).toMatchObject({ recall: 1, proofs: Array(5).fill(true), copies: [{ isHeld: false }] });
    for (const { cid, isHeld } of one?.copies ?? []) if (isHeld) asked.add(cid);
  }
  expect([...asked].every((cid) => held.some((entry) => entry.cid === cid))).toBe(true);
  expect(asked.size).toBeGreaterThan(2);
});

test("what a miner proved once it answers for, also when it has lost it since", async () => {
  const entries = await groundTruth(4);
  let lost = false;
  const known = new Set(entries.map(({ cid }) => cid));
  const { miner, hotkey } = bench.add((honest, call) =>
    lost && call.bodyText !== null && known.has(JSON.parse(call.bodyText).cid) ? null : honest(call),
  );
  for (const { embedding } of entries) miner.reply("/IngestSynapse", { raw_embedding: [...embedding] });
  for (let round = 0; round < 4; round++) await bench.measure(entries);
  expect(new Set(await bench.store.call("heldBy", { miner: hotkey }))).toEqual(known);
  lost = true;
  const [measured] = await bench.measure(entries);
  expect(measured?.proofs.filter((isPassed) => !isPassed)).toHaveLength(2);
  expect(measured?.copies.filter(({ isHeld }) => !isHeld)).toHaveLength(2);
});
