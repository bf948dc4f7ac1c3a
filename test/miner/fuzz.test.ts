import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Bad, bad, fuzz, key, metadata, runs, sound, timeout, vector } from "./fuzz-kit.ts";
import { type Answer, MinerUnderTest, TestKey } from "./miner-under-test.ts";

const keys = [new TestKey(), new TestKey()] as const;
const [alice, bob] = keys;
let miner: MinerUnderTest;
/** What must be there: every acknowledged record that was not deleted. */
const stored = new Map<string, { readonly metadata: unknown; readonly owner: TestKey | null }>();

beforeAll(async () => {
  miner = await MinerUnderTest.start();
});
afterAll(() => miner[Symbol.asyncDispose]());
afterEach(async () => {
  expect(await miner.store.count()).toBe(stored.size);
});

/** A bad call may store something by chance: then it counts as stored. */
function note({ status, json }: Answer, cid: unknown = json?.cid): void {
  if (status === 200 && typeof cid === "string" && !stored.has(cid))
    stored.set(cid, { metadata: undefined, owner: null });
}

async function badCall(method: string, path: string, { body }: Bad): Promise<"bad"> {
  const answer = sound(await miner.call(method, path, body));
  if (path === "/IngestSynapse") note(answer);
  return "bad";
}

test(`ingest takes ${runs} generated calls`, { timeout }, async () => {
  const good = fc.record({
    kind: fc.constant("good" as const),
    raw_embedding: vector,
    metadata,
    owner: fc.constantFrom(alice, bob, null),
  });
  await fuzz(fc.oneof(good, bad), async (call) => {
    if (call.kind === "bad") return badCall("POST", "/IngestSynapse", call);
    const body = { raw_embedding: call.raw_embedding, metadata: call.metadata };
    const answer = sound(
      call.owner ? await miner.signedPost(call.owner, "IngestSynapse", body) : await miner.post("IngestSynapse", body),
    );
    expect(answer.json).toEqual({ cid: expect.stringMatching(/^v1::[0-9a-f]{64}$/), error: null });
    const { cid } = answer.json;
    const sent = JSON.parse(JSON.stringify(call.metadata));
    if (!stored.has(cid)) stored.set(cid, { metadata: sent, owner: call.owner });
    expect((await miner.retrieve(cid)).json).toEqual({ cid, metadata: sent });
    return "valid";
  });
});

test(`query takes ${runs} generated calls`, { timeout }, async () => {
  const good = fc.record({
    kind: fc.constant("good" as const),
    what: fc.oneof(
      vector.map((query_vector) => ({ query_vector })),
      fc.constantFrom("a", "some words", "日本語", "😀").map((query_text) => ({ query_text })),
    ),
    top_k: fc.integer({ min: 1, max: 100 }),
    filter: fc.option(fc.dictionary(key, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 }), { nil: undefined }),
  });
  await fuzz(fc.oneof(good, bad), async (call) => {
    if (call.kind === "bad") return badCall("POST", "/QuerySynapse", call);
    const { what, top_k, filter } = call;
    const answer = sound(await miner.post("QuerySynapse", { ...what, top_k, ...(filter ? { filter } : {}) }));
    expect(answer.json.error).toBeNull();
    const scores: number[] = answer.json.results.map(({ score }: { score: number }) => score);
    expect(scores).toEqual(scores.toSorted((left, right) => right - left));
    expect(scores.every((score) => score >= -1 && score <= 1)).toBe(true);
    if (!filter || Object.keys(filter).length === 0) expect(scores).toHaveLength(Math.min(top_k, stored.size));
    for (const { cid } of answer.json.results) expect(stored.has(cid)).toBe(true);
    return "valid";
  });
});

test(`list takes ${runs} generated calls`, { timeout }, async () => {
  const good = fc.record({
    kind: fc.constant("good" as const),
    limit: fc.integer({ min: 0, max: 300 }),
    offset: fc.integer({ min: -5, max: 50 }),
  });
  const all = [...stored.keys()];
  await fuzz(fc.oneof(good, bad), async (call) => {
    if (call.kind === "bad") return badCall("POST", "/list", call);
    const { limit, offset } = call;
    const answer = sound(await miner.post("list", { limit, offset }));
    const from = Math.max(0, offset);
    const listed = answer.json.records.map(({ cid }: { cid: string }) => cid);
    expect(listed).toEqual(all.slice(from, from + Math.min(limit, 200)));
    return "valid";
  });
});

test(`retrieve takes ${runs} generated calls`, { timeout }, async () => {
  const path = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.constantFrom("..", "%", "%2e%2e", "v1::", "__proto__", "%ff"),
  );
  const known = fc.constantFrom(...stored.keys());
  const calls = fc.oneof(
    known.map((cid) => ({ kind: "good" as const, path: encodeURIComponent(cid), cid })),
    path.map((text) => ({ kind: "bad" as const, path: text.replace(/[\s#?\\]/g, ""), cid: "" })),
  );
  await fuzz(calls, async (call) => {
    const answer = sound(await miner.call("GET", `/retrieve/${call.path}`));
    if (call.kind === "bad") {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      return "bad";
    }
    expect(answer.json.cid).toBe(call.cid);
    return "valid";
  });
});

test(`delete takes ${runs} generated calls`, { timeout }, async () => {
  const seeds = fc.integer({ min: 1, max: 1_000_000 });
  const calls = fc.oneof(
    fc.record({ kind: fc.constant("good" as const), seed: seeds, owner: fc.constantFrom(alice, bob) }),
    fc.record({ kind: fc.constant("wrong key" as const), at: fc.nat() }),
    bad,
  );
  await fuzz(calls, async (call) => {
    const some = [...stored.keys()];
    if (call.kind === "bad") return badCall("DELETE", `/retrieve/${encodeURIComponent(some[0] ?? "x")}`, call);
    if (call.kind === "wrong key") {
      const cid = some[call.at % some.length] ?? "";
      expect(sound(await miner.delete(new TestKey(), cid)).status).toBe(404);
      return "bad";
    }
    const ingest = { raw_embedding: [call.seed, 1, 1, 1, 1, 1, 1, 1], metadata: { of: call.owner.hotkey } };
    const { cid } = sound(await miner.signedPost(call.owner, "IngestSynapse", ingest)).json;
    expect(sound(await miner.delete(call.owner, cid)).json).toEqual({ deleted: true, cid });
    expect((await miner.retrieve(cid)).status).toBe(404);
    return "valid";
  });
});

test("after all of it, everything that was acknowledged is still there", async () => {
  for (const [cid, { metadata: sent }] of stored) {
    const { json } = await miner.retrieve(cid);
    expect(json.cid).toBe(cid);
    if (sent !== undefined) expect(json.metadata).toEqual(sent);
  }
});
