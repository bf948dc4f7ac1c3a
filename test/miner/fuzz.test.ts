import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Answer, MinerUnderTest, TestKey } from "./miner-under-test.ts";

/** Calls per route; `npm run fuzz` makes it 2,000. */
const runs = Number(process.env["ENGRAM_FUZZ"] ?? 300);
const timeout = 30_000 + runs * 100;

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

const component = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
const vector = fc
  .array(component, { minLength: 8, maxLength: 8 })
  .filter((components) => components.some((value) => Math.abs(value) > 1e-3));
const key = fc.string({ maxLength: 10 }).filter((text) => !text.startsWith("_"));
const metadata = fc
  .dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 })
  .filter((object) => JSON.stringify(object).length < 600);

/** Values that have broken servers before. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    "",
    "abc",
    [],
    {},
    [[]],
    "NaN",
    1e300,
    -1e-300,
    2 ** 53,
    "9".repeat(60),
  ),
  fc.constantFrom(
    [1, 2],
    Array(8).fill(0),
    Array(8).fill(1e300),
    Array(8).fill("x"),
    Array(9).fill(1),
    Array(8).fill(true),
  ),
  fc.constantFrom("\u0000", "\ud800", "__proto__", "constructor", "__public__", "../../etc/passwd", "x".repeat(9000)),
  fc.jsonValue({ maxDepth: 4 }),
);
const fields = [
  ...["text", "raw_embedding", "metadata", "model_version", "model", "expires_at", "cid_override", "cid"],
  ...["query_text", "query_vector", "top_k", "filter", "limit", "offset", "after"],
  ...["namespace", "namespace_hotkey", "namespace_sig", "namespace_timestamp_ms", "namespace_key"],
  ...["hotkey", "nonce", "signature", "__proto__", "constructor", "toString"],
];
/** Bodies of known fields with wrong values; none of them may do harm, some may be valid by chance. */
const mangled = fc.dictionary(fc.constantFrom(...fields), nasty, { maxKeys: 6, noNullPrototype: false });
/** A valid body with some fields spoilt. */
const spoilt = fc
  .tuple(vector, mangled)
  .map(([components, wrong]) => ({ raw_embedding: components, query_vector: components, ...wrong }));
const rawText = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.constantFrom(
    ...["", "{", "[]", "null", '"x"', "NaN", "{}{}", "\ufeff{}", '{"a":1,"a":2}', '{"raw_embedding":[NaN]}'],
    ...['{"raw_embedding":[Infinity,0,0,0,0,0,0,0]}', '{"__proto__":{"polluted":true},"text":5}', '{"text":"\\ud800"}'],
    ...[`${"[".repeat(100_000)}`, `{"a":${"9".repeat(5_000)}}`, `{"metadata":${'{"a":'.repeat(40)}1${"}".repeat(40)}}`],
    `{"constructor":{"prototype":{"polluted":true}},"raw_embedding":[1,1e999,0,0,0,0,0,0]}`,
  ),
);
const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => new Uint8Array(array));

type Bad = { readonly kind: "bad"; readonly body: string | Uint8Array<ArrayBuffer> };
const bad: fc.Arbitrary<Bad> = fc
  .oneof(
    { weight: 3, arbitrary: fc.oneof(mangled, spoilt).map((body) => JSON.stringify(body)) },
    { weight: 2, arbitrary: rawText },
    bytes,
  )
  .map((body) => ({ kind: "bad", body }));

/** Runs `check` on as many calls, of which so many as promised must have been valid ones. */
async function fuzz<T>(calls: fc.Arbitrary<T>, check: (call: T) => Promise<"valid" | "bad">): Promise<void> {
  let valid = 0;
  const property = fc.asyncProperty(calls, async (call) => {
    if ((await check(call)) === "valid") valid += 1;
  });
  // The miner remembers: a shrunk call would meet another state than the one that failed.
  await fc.assert(property, { numRuns: runs, endOnFailure: true });
  expect(valid).toBeGreaterThanOrEqual(runs / 5);
}

/** What holds for every answer whatsoever. */
function sound(answer: Answer): Answer {
  expect(answer.status, answer.text).toBeLessThan(500);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  if (answer.status !== 200 && answer.json) expect(answer.json.error).toMatch(/.{8}/);
  return answer;
}

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
