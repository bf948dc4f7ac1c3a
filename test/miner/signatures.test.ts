import { afterAll, expect, test } from "vitest";
import { embeddingHash } from "../../src/crypto/embedding-hash.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { requestMessage } from "../../src/crypto/request-auth.ts";
import { objectFromPlain } from "../../src/crypto/subnet-json.ts";
import { MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

/** For tests that store nothing; it has run for a while. */
const shared = await MinerUnderTest.start();
shared.clock.time += 60_000;
afterAll(() => shared[Symbol.asyncDispose]());

const alice = new TestKey();
const bob = new TestKey();
const body = JSON.stringify({ raw_embedding: unit, metadata: { k: 1.0, t: "é" } });

function ingest(miner: MinerUnderTest, text: string) {
  return miner.call("POST", "/IngestSynapse", text);
}

test("a signed request is taken once; the same again is a replay", async () => {
  await using miner = await MinerUnderTest.start();
  const text = alice.signed("IngestSynapse", body, miner.nonce());
  expect((await ingest(miner, text)).json.error).toBeNull();
  expect((await ingest(miner, text)).status).toBe(401);
  expect((await ingest(miner, text.replace('"0x', '"'))).status).toBe(401);
});

test("two different requests of one millisecond are both taken", async () => {
  await using miner = await MinerUnderTest.start();
  const now = miner.clock.now();
  expect((await ingest(miner, alice.signed("IngestSynapse", body, now))).status).toBe(200);
  expect((await ingest(miner, alice.signed("IngestSynapse", '{"text":"x"}', now))).status).toBe(200);
});

test("the signature may be over the bytes as browser wallets wrap them, and not over other wrappings", async () => {
  await using miner = await MinerUnderTest.start();
  const wrapped = (open: string, close: string) => {
    const nonce = miner.nonce();
    const message = requestMessage(nonce, "IngestSynapse", objectFromPlain({ text: "x" }));
    const signature = toHex(alice.sign(Buffer.concat([Buffer.from(open), message, Buffer.from(close)])));
    return miner.post("IngestSynapse", { text: "x", hotkey: alice.hotkey, nonce, signature });
  };
  expect((await wrapped("<Bytes>", "</Bytes>")).status).toBe(200);
  expect((await wrapped("<Byte>", "</Byte>")).status).toBe(401);
});

test.each<[string, (miner: MinerUnderTest) => string]>([
  ["for another route", (miner) => alice.signed("QuerySynapse", body, miner.nonce())],
  ["of another body", (miner) => alice.signed("IngestSynapse", body, miner.nonce()).replace("1,0,0", "1,1,0")],
  [
    "of an int where a float is sent",
    (miner) => alice.signed("IngestSynapse", body, miner.nonce()).replace("[1,", "[1.0,"),
  ],
  [
    "of another nonce",
    (miner) => alice.signed("IngestSynapse", body, miner.nonce()).replace(/"nonce":\d+/, `"nonce":${miner.nonce()}`),
  ],
  [
    "of another hotkey",
    (miner) => alice.signed("IngestSynapse", body, miner.nonce()).replace(alice.hotkey, bob.hotkey),
  ],
  ["that is too old", (miner) => alice.signed("IngestSynapse", body, miner.clock.now() - 30_001)],
  ["from the future", (miner) => alice.signed("IngestSynapse", body, miner.clock.now() + 30_001)],
  ["that is no hex", (miner) => alice.signed("IngestSynapse", body, miner.nonce()).replace(/"0x[^"]+"/, '"zz"')],
  ["that is empty", (miner) => alice.signed("IngestSynapse", body, miner.nonce()).replace(/"0x[^"]+"/, '""')],
  [
    "of the zero key",
    (miner) =>
      JSON.stringify({
        text: "x",
        hotkey: "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM",
        nonce: miner.nonce(),
        signature: "00".repeat(64),
      }),
  ],
  ["with a nonce that is text", () => JSON.stringify({ text: "x", hotkey: alice.hotkey, nonce: "1", signature: "00" })],
  [
    "with a hotkey that is none",
    (miner) => JSON.stringify({ text: "x", hotkey: "me", nonce: miner.nonce(), signature: "00" }),
  ],
])("a signature %s is a 401, and stores nothing", async (_, make) => {
  expect(await ingest(shared, make(shared))).toMatchObject({ status: 401, json: { error: expect.any(String) } });
  expect(await shared.store.count()).toBe(0);
});

test("exactly 30 seconds off is taken, both ways", async () => {
  await using miner = await MinerUnderTest.start();
  miner.clock.time += 60_000;
  for (const offset of [-30_000, 30_000]) {
    expect((await ingest(miner, alice.signed("IngestSynapse", body, miner.clock.now() + offset))).status).toBe(200);
  }
});

test("stripping the signature makes the request anonymous: it then owns nothing", async () => {
  await using miner = await MinerUnderTest.start();
  const { cid } = (await miner.post("IngestSynapse", { raw_embedding: unit, hotkey: alice.hotkey, nonce: 5 })).json;
  expect(cid).toMatch(/^v1::/);
  expect((await miner.store.locate(cid))[0]?.ingestedBy).toBeNull();
});

test("what is left of a signed private ingest when a field is cut out never passes for something weaker", async () => {
  await using miner = await MinerUnderTest.start();
  const fields = () => ({ raw_embedding: unit, metadata: { _enc: "x" }, ...alice.namespace("ns", miner.nonce()) });
  const whole = () => JSON.parse(alice.signed("IngestSynapse", JSON.stringify(fields()), miner.nonce()));
  const without = (body: Record<string, unknown>, ...names: string[]) =>
    Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
  const statuses: Record<string, number> = {};
  for (const name of Object.keys(whole())) {
    if (name === "signature") continue;
    statuses[name] = (await miner.post("IngestSynapse", without(whole(), name))).status;
  }
  expect(new Set(Object.values(statuses))).toEqual(new Set([401]));
  // Without its outer signature the namespace's own still holds it: private, or nothing.
  const auth = ["hotkey", "nonce", "signature"];
  expect((await miner.post("IngestSynapse", without(whole(), ...auth, "namespace"))).status).toBe(401);
  for (const name of ["namespace_hotkey", "namespace_sig", "namespace_timestamp_ms"]) {
    const answer = await miner.post("IngestSynapse", without(whole(), ...auth, name));
    expect(answer.json).toMatchObject({ cid: null, error: expect.any(String) });
  }
  for (const value of [null, "", 0, false]) {
    expect((await miner.post("IngestSynapse", { ...without(whole(), ...auth), namespace: value })).status).toBe(401);
  }
  expect(await miner.store.count()).toBe(0);
  expect((await miner.post("IngestSynapse", without(whole(), ...auth))).json.error).toBeNull();
  expect([await miner.store.count("ns"), await miner.store.count()]).toEqual([1, 1]);
});

test.each(["hotkey", "nonce"])("a signature without its %s is a 401 on every signing route", async (name) => {
  for (const endpoint of ["IngestSynapse", "QuerySynapse", "ChallengeSynapse", "RepairSynapse", "list"]) {
    const signed = JSON.parse(alice.signed(endpoint, "{}", shared.nonce()));
    expect((await shared.post(endpoint, { ...signed, [name]: null })).status).toBe(401);
  }
});

test("after a restart nothing signed before it is taken", async () => {
  await using miner = await MinerUnderTest.start();
  const captured = alice.signed("IngestSynapse", body, miner.nonce());
  const namespace = alice.namespace("ns", miner.nonce());
  expect((await ingest(miner, captured)).status).toBe(200);
  miner.clock.time += 1_000;
  miner.restart();
  expect((await ingest(miner, captured)).status).toBe(401);
  expect((await miner.post("IngestSynapse", { text: "x", ...namespace })).json.error).toMatch(/signature/);
  expect((await ingest(miner, alice.signed("IngestSynapse", body, miner.nonce()))).status).toBe(200);
});

test("hard mode, an allowlist and registration take who they should and nobody else", async () => {
  await using miner = await MinerUnderTest.start();
  const statuses = async () => [
    (await miner.post("IngestSynapse", { text: "x" })).status,
    (await miner.post("IngestSynapse", { text: "x", hotkey: alice.hotkey })).status,
    (await miner.signedPost(alice, "IngestSynapse", { text: "x" })).status,
    (await miner.signedPost(bob, "QuerySynapse", { query_text: "x" })).status,
  ];
  expect(await statuses()).toEqual([200, 200, 200, 200]);
  miner.restart({ requireSignatures: true });
  expect(await statuses()).toEqual([401, 401, 200, 200]);
  miner.restart({ allowedHotkeys: new Set([alice.hotkey]) });
  expect(await statuses()).toEqual([401, 401, 200, 401]);
  const neuron = { uid: 0, coldkey: bob.hotkey, endpoint: null, stakeTao: 0, validatorPermit: false, incentive: 0 };
  miner.chain.neurons = [{ ...neuron, hotkey: bob.hotkey }];
  miner.restart({ requireRegistration: true });
  expect(await statuses()).toEqual([401, 401, 401, 200]);
  // What the chain said last counts for ten minutes and no longer.
  miner.chain.answers = false;
  miner.clock.time += 600_000;
  expect(await statuses()).toEqual([401, 401, 401, 200]);
  miner.clock.time += 1;
  expect(await statuses()).toEqual([401, 401, 401, 401]);
  miner.chain.answers = false;
  miner.restart({ requireRegistration: true });
  expect(await statuses()).toEqual([401, 401, 401, 401]);
});

test("in hard mode every route that takes a body wants a signature, and takes one", async () => {
  await using miner = await MinerUnderTest.start({ requireSignatures: true });
  const { cid } = (await miner.signedPost(alice, "IngestSynapse", { raw_embedding: unit })).json;
  const bodies: Readonly<Record<string, object>> = {
    ...{ QuerySynapse: { query_vector: unit }, list: {}, RepairSynapse: { cid } },
    ...{ ChallengeSynapse: { cid, nonce_hex: "00".repeat(32), expires_at: Math.ceil(miner.clock.now() / 1000) + 60 } },
    ...{ "prove-memory": { cid, embedding_hash: embeddingHash(Float32Array.from(unit)) } },
  };
  for (const [endpoint, body] of Object.entries(bodies)) {
    expect([endpoint, (await miner.post(endpoint, body)).status]).toEqual([endpoint, 401]);
    expect([endpoint, (await miner.signedPost(alice, endpoint, body)).status]).toEqual([endpoint, 200]);
  }
  for (const endpoint of ["KeyShareSynapse", "KeyShareRetrieve", "NamespaceOwner"]) {
    expect([endpoint, (await miner.signedPost(alice, endpoint, {})).status]).toEqual([endpoint, 401]);
  }
  expect(
    (await miner.post("AttestNamespace", { ...alice.attestation("ns", miner.nonce()), signature: "00" })).status,
  ).toBe(400);
  expect((await miner.call("DELETE", `/retrieve/${cid}`, "{}")).status).toBe(401);
});

test("a registered hotkey without stake may not ingest; unknown stake may", async () => {
  await using miner = await MinerUnderTest.start();
  const neuron = { coldkey: bob.hotkey, endpoint: null, validatorPermit: false, incentive: 0 };
  miner.chain.neurons = [{ ...neuron, uid: 0, hotkey: bob.hotkey, stakeTao: 0 }];
  miner.restart({ minIngestStakeTao: 0.001 });
  expect((await miner.signedPost(bob, "IngestSynapse", { text: "x" })).json).toMatchObject({
    error: expect.stringContaining("stake"),
  });
  expect((await miner.signedPost(alice, "IngestSynapse", { text: "x" })).json.error).toBeNull();
});
