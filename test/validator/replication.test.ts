import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { cidOf, rustCidOf } from "../../src/crypto/cid.ts";
import type { RepairContext } from "../../src/node/validator/replication/repair-record.ts";
import { repairable } from "../../src/node/validator/replication/repairable.ts";
import { openReplicationStore } from "../../src/node/validator/replication/store/replication-store.ts";
import { TestKey } from "../miner/miner-under-test.ts";
import { RepairBench } from "./replication-kit.ts";

const byCid = (cid: string) => ({ cid, content: null, expiresAt: null });
const DAY = 86_400_000;

const bench = await RepairBench.start(5);
afterAll(() => bench[Symbol.asyncDispose]());

test("a record that two of three lost is copied from the third, under its CID, and proved", async () => {
  await bench.restart(5);
  const cid = await bench.put([0, 1, 2, 3, 4]);
  const [one = 0, two = 0, three = 0, ...others] = bench.places(cid);
  await bench.lose(cid, two, three, ...others);
  await bench.keeper.track([byCid(cid)]);
  expect(await bench.keeper.health()).toMatchObject({ lost: 1 });
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 1, restored: 2, health: { healthy: 1, lost: 0 } });
  const holders = [one, two, three].toSorted();
  expect(await bench.holders(cid)).toEqual(holders);
  expect(await bench.confirmed(cid)).toEqual(holders);
  const [source, copy] = [await bench.at(one).retrieve(cid), await bench.at(two).retrieve(cid)];
  expect(copy.text).toBe(source.text);
  // Nothing is left to do, and nobody is asked.
  bench.calls.length = 0;
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 0 });
  expect(bench.calls).toEqual([]);
});

test("what nobody holds any more is restored from what the validator has itself (V-W26), else looked for again later", async () => {
  await bench.restart(4);
  const embedding = Float32Array.from([0.25, 0, 1, 0, 0, 0, 0.5, 0]);
  const own = cidOf({ embedding, metadata: new Map() });
  const wrong = cidOf({ embedding: embedding.map((x) => -x), metadata: new Map() });
  const foreign = await bench.put([0]);
  await bench.lose(foreign, 0);
  await bench.keeper.track([
    { cid: own, content: { embedding, metadata: "{}" }, expiresAt: null },
    // Not the CID's: neither given to anybody nor believed.
    { cid: wrong, content: { embedding, metadata: "{}" }, expiresAt: null },
    byCid(foreign),
  ]);
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 3, restored: 3, health: { healthy: 1, lost: 2 } });
  expect(await bench.holders(own)).toEqual(bench.places(own).slice(0, 3).toSorted());
  expect([await bench.holders(wrong), await bench.holders(foreign)]).toEqual([[], []]);
  expect((await bench.keeper.sweep()).looked).toBe(0);
  bench.pass(300_000);
  expect((await bench.keeper.sweep()).looked).toBe(2);
  bench.pass(300_000);
  expect((await bench.keeper.sweep()).looked).toBe(0);
});

test("a source that gives something else poisons nobody; the next one is asked (V-W27, V-W31)", async () => {
  await bench.restart(4);
  const lies = [
    (record: object) => JSON.stringify({ ...record, embedding: [1, 0, 0, 0, 0, 0, 0, 0] }),
    (record: object) => JSON.stringify({ ...record, metadata: { k: 2 } }),
    () => "[]",
    () => "{",
  ];
  const cids = await Promise.all(lies.map(() => bench.put([0, 1])));
  const records = await Promise.all(
    cids.map(async (cid) => (await bench.at(1).signedPost(bench.validator, "RepairSynapse", { cid })).json),
  );
  const told: string[] = [];
  bench.instead.set(0, async (request) => {
    if (!request.url.endsWith("/RepairSynapse")) return undefined;
    const { cid } = JSON.parse(await request.text());
    told.push(cid);
    return new Response(lies[cids.indexOf(cid)]?.(records[cids.indexOf(cid)]));
  });
  await bench.keeper.track(cids.map(byCid));
  for (const uid of [1, 0]) {
    for (const cid of cids) await bench.keeper.noteChallenges(bench.at(uid).identity.hotkey, [{ cid, isHeld: true }]);
    // The liar was confirmed last, and is asked first.
    bench.pass(1_000);
  }
  bench.pass(DAY);
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 4, health: { healthy: 4 } });
  expect(told.toSorted()).toEqual(cids.toSorted());
  const brought = bench.calls.filter(({ path }) => path === "/IngestSynapse").map(({ body }) => JSON.parse(body));
  expect(brought.length).toBeGreaterThanOrEqual(4);
  for (const { cid_override, raw_embedding, metadata } of brought) {
    const { embedding, ...record } = records[cids.indexOf(cid_override)];
    expect({ raw_embedding, metadata }).toEqual({ raw_embedding: embedding, metadata: record.metadata });
  }
});

test("who says it stored what it does not hold is not believed, and another stands in (V-W27)", async () => {
  await bench.restart(5);
  const cid = await bench.put([0, 1, 2, 3, 4]);
  const [holder = 0, liar = 0, other = 0, next = 0, last = 0] = bench.places(cid);
  await bench.lose(cid, liar, other, next, last);
  bench.instead.set(liar, ({ url }) =>
    url.endsWith("/IngestSynapse") ? Response.json({ cid, error: null }) : undefined,
  );
  bench.instead.set(other, ({ url }) =>
    url.endsWith("/IngestSynapse") ? Response.json({ cid: `v1::${"0".repeat(64)}`, error: null }) : undefined,
  );
  await bench.keeper.track([byCid(cid)]);
  expect(await bench.keeper.sweep()).toMatchObject({ restored: 2, health: { healthy: 1 } });
  expect(await bench.confirmed(cid)).toEqual([holder, next, last].toSorted());
  // Who names another CID is not even asked for this one again.
  const challenged = (uid: number) => bench.callsTo(uid).filter((path) => path === "/ChallengeSynapse").length;
  expect([challenged(liar), challenged(other)]).toEqual([2, 1]);
});

test("a private record cannot be repaired: not found at a miner, not by an envelope in the open, not by its type", async () => {
  await bench.restart(3);
  const owner = bench.at(0);
  const secret = await owner.signedPost(bench.validator, "IngestSynapse", {
    raw_embedding: [1, 2, 3, 4, 5, 6, 7, 8],
    metadata: { _enc: "AAAA" },
    ...bench.validator.namespace("diary", owner.nonce()),
  });
  const leaked = await bench.put([0], { _enc: "BBBB" });
  const cids = [secret.json.cid, leaked];
  expect(cids.every((cid) => typeof cid === "string")).toBe(true);
  await bench.keeper.track(cids.map(byCid));
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 2, restored: 0, health: { lost: 2 } });
  expect(bench.calls.some(({ path }) => path === "/IngestSynapse")).toBe(false);
  const embedding = Float32Array.from([1, 2]);
  const metadata = new Map([["_enc", "CCCC"]]);
  expect(repairable(cidOf({ embedding, metadata }), { embedding, metadata })).toBeNull();
  const bring = (calls: ReturnType<RepairContext["callsTo"]>) =>
    // @ts-expect-error: what was not proved to be public and its CID's own is no RepairableRecord
    calls.bring({ cid: leaked, embedding, metadata }, null);
  expect(bring).toBeTypeOf("function");
});

test("both forms of a CID are a record's own, and a store's additions are not", () => {
  const embedding = Float32Array.from([0.5, 0.25]);
  const metadata = new Map([["a", "b"]]);
  const marked = new Map([...metadata, ["_emb_hash", "x"]]);
  for (const cid of [cidOf({ embedding, metadata }), rustCidOf({ embedding, metadata })]) {
    expect(repairable(cid, { embedding, metadata: marked })?.metadata).toEqual(metadata);
    expect(repairable(cid, { embedding, metadata: new Map([["a", "c"]]) })).toBeNull();
  }
});

test("the ground truth is looked after from the file, and who was given a copy answers for it from then on", async () => {
  const embedding = Float32Array.from([0, 0.25, 0, 1, 0, 0, 0.5, 0]);
  const cid = cidOf({ embedding, metadata: new Map() });
  bench.groundTruth = [{ text: "a kettle", embedding, cid, topK: [cid] }];
  await bench.restart(4);
  bench.groundTruth = [];
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 1, restored: 3, health: { healthy: 1 } });
  const assigned = bench.places(cid).slice(0, 3);
  for (const uid of [0, 1, 2, 3]) {
    const held = await bench.store.call("heldBy", { miner: bench.at(uid).identity.hotkey });
    expect(held).toEqual(assigned.includes(uid) ? [cid] : []);
  }
});

test("copies of who left are dropped for good, and a new owner of the uid has none (V-W29, V-W30)", async () => {
  await bench.restart(4);
  const cid = await bench.put([0, 1, 2, 3]);
  const [gone = 0] = bench.places(cid);
  const miners = bench.chain.neurons.filter(({ uid }) => uid < 4);
  await bench.keeper.track([byCid(cid)]);
  await bench.keeper.sweep();
  expect(await bench.confirmed(cid)).toContain(gone);
  const { hotkey } = new TestKey();
  const newcomer = { hotkey, coldkey: hotkey, endpoint: "http://127.0.0.99:1" };
  bench.publish(miners.map((miner) => (miner.uid === gone ? { ...miner, ...newcomer } : miner)));
  await bench.keeper.sweep();
  await bench.reopen();
  const confirmed = await bench.confirmed(cid);
  expect(confirmed).not.toContain(gone);
  expect(confirmed).toHaveLength(3);
});

test("a copy is asked for again after a day or when a round saw it fail, and counts for two days", async () => {
  await bench.restart(4);
  const cid = await bench.put([0, 1, 2, 3]);
  const [holder = 0, loser = 0] = bench.places(cid);
  await bench.keeper.track([byCid(cid)]);
  await bench.keeper.sweep();
  await bench.lose(cid, loser);
  expect((await bench.keeper.sweep()).looked).toBe(0);
  await bench.keeper.noteChallenges(bench.at(loser).identity.hotkey, [
    { cid, isHeld: false },
    { cid: "v1::of nobody's interest", isHeld: true },
  ]);
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 1, restored: 1, health: { healthy: 1 } });
  expect(await bench.confirmed(cid)).toContain(loser);
  bench.pass(DAY - 1_000);
  expect((await bench.keeper.sweep()).looked).toBe(0);
  bench.calls.length = 0;
  bench.pass(1_000);
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 1, restored: 0, health: { healthy: 1 } });
  expect(bench.callsTo(holder)).toContain("/ChallengeSynapse");
  bench.pass(2 * DAY);
  expect(await bench.keeper.health()).toMatchObject({ lost: 1 });
});

test("a sweep looks at eight records, the most urgent first, and asks a silent miner once", async () => {
  await bench.restart(3);
  const cids = await Promise.all(Array.from({ length: 12 }, () => bench.put([1, 2])));
  await bench.keeper.track(cids.map(byCid));
  bench.instead.set(0, () => Promise.reject(new Error("refused")));
  for (const cid of cids.slice(0, 10))
    await bench.keeper.noteChallenges(bench.at(1).identity.hotkey, [{ cid, isHeld: true }]);
  expect(await bench.keeper.sweep()).toMatchObject({ looked: 8, restored: 0 });
  expect(bench.calls.filter(({ uid }) => uid === 0)).toEqual([{ uid: 0, path: "/health", body: "" }]);
  const looked = await Promise.all(cids.map((cid) => bench.confirmed(cid)));
  expect(looked.slice(10)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect((await bench.keeper.sweep()).looked).toBe(4);
});

test("without a permit nobody is asked; a stop ends a sweep in the middle, and holds nothing against miners", async () => {
  await bench.restart(3);
  const cid = await bench.put([0, 1, 2]);
  await bench.keeper.track([byCid(cid)]);
  await bench.keeper.sweep();
  const { neurons } = bench.chain;
  bench.chain.neurons = neurons.map((neuron) => ({ ...neuron, validatorPermit: false }));
  bench.pass(DAY);
  expect((await bench.keeper.sweep()).looked).toBe(0);
  bench.chain.neurons = neurons;
  bench.instead.set(0, async () => {
    bench.stop.abort(new Error("stopped"));
    return new Promise<Response>(() => undefined);
  });
  await expect(bench.keeper.sweep()).rejects.toThrow("stopped");
  expect(await bench.confirmed(cid)).toEqual([0, 1, 2]);
});

test("what was noted before a process was killed is there afterwards", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-replication-"));
  const path = join(folder, "replication.db");
  const child = spawnSync(process.execPath, [
    fileURLToPath(new URL("./killed-replication-store.ts", import.meta.url)),
    path,
  ]);
  expect(child.signal).toBe("SIGKILL");
  await using store = openReplicationStore(path);
  expect(await store.call("copies", { cid: "v1::a" })).toEqual([
    { miner: "two", confirmedAt: null },
    { miner: "one", confirmedAt: 5 },
  ]);
  const due = await store.call("due", { now: 9, confirmedAfter: 0, outlive: 9, limit: 9 });
  expect(due).toMatchObject([{ cid: "v1::b", attempts: 2, content: { embedding: new Float32Array([1, 2]) } }]);
  await rm(folder, { recursive: true });
});
