import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { cidOf } from "../../src/crypto/cid.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { type HeldRecord, possessionProof } from "../../src/crypto/possession-proof.ts";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { objectFromPlain } from "../../src/crypto/subnet-json.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { verifyCapabilities } from "../../src/node/protocol/capabilities.ts";
import { PossessionCaller } from "../../src/node/protocol/possession-caller.ts";
import { createHttpClient, type Fetch } from "../../src/node/runtime/http-client.ts";
import { fetchOf, honest, liar } from "../support/lying-miner.ts";
import { MinerUnderTest, sr25519, TestKey, tilted, unit } from "./miner-under-test.ts";

const alice = new TestKey();
const bob = new TestKey();
const text = { text: "one", n: 1 };

function recordOf(vector: readonly number[], metadata: object = text): HeldRecord {
  const [embedding, object] = [Float32Array.from(vector), objectFromPlain(metadata)];
  return { cid: cidOf({ embedding, metadata: object }), embedding, metadata: object };
}
const one = recordOf(unit);
const other = recordOf(tilted);
const absent = recordOf(tilted, { text: "never stored" });

async function filled(): Promise<MinerUnderTest> {
  const miner = await MinerUnderTest.start();
  await miner.post("IngestSynapse", { raw_embedding: unit, metadata: text });
  await miner.post("IngestSynapse", { raw_embedding: tilted, metadata: text });
  return miner;
}

/** Challenges whoever answers `send` as `hotkey`. */
function challenge(key: TestKey, clock: MinerUnderTest["clock"], hotkey: Hotkey, send: Fetch) {
  const caller = new Auth2Caller({ signer: key, sr25519, clock });
  const possession = new PossessionCaller({ caller, hotkey: key.hotkey, clock });
  const limits = { deadlineMs: 10_000, signal: new AbortController().signal };
  return (records: readonly HeldRecord[]) =>
    possession.challenge(createHttpClient(send), { hotkey, url: "http://miner" }, records, limits);
}

test("a miner proves what it holds, in all its bytes, and says what it has not", async () => {
  await using miner = await filled();
  const ask = challenge(alice, miner.clock, miner.identity.hotkey, fetchOf(miner));
  expect(await ask([one, absent, other])).toEqual(["held", "missing", "held"]);
  const { caps } = (await miner.call("GET", "/health")).json;
  expect(verifyCapabilities(sr25519, caps)?.caps).toContain("proof2");
});

test("whoever expects other bytes under the CID is not convinced", async () => {
  await using miner = await filled();
  const ask = challenge(alice, miner.clock, miner.identity.hotkey, fetchOf(miner));
  expect(await ask([{ ...one, embedding: other.embedding }])).toEqual(["wrong"]);
  // The proof of spec 3 does not look at metadata; this one does.
  expect(await ask([{ ...one, metadata: objectFromPlain({ text: "two" }) }])).toEqual(["hash_only"]);
});

test("a private record is proved to its owner alone; to others it is as good as none", async () => {
  await using miner = await MinerUnderTest.start();
  await miner.namespacePost(alice, "ns", "IngestSynapse", { raw_embedding: unit, metadata: text });
  const send = fetchOf(miner);
  expect(await challenge(alice, miner.clock, miner.identity.hotkey, send)([one])).toEqual(["held"]);
  expect(await challenge(bob, miner.clock, miner.identity.hotkey, send)([one])).toEqual(["missing"]);
});

test.each<[string, object]>([
  ["no records", { cids: [] }],
  ["too many records", { cids: Array.from({ length: 65 }, (_, n) => `c${n}`) }],
  ["a CID that is no text", { cids: [1] }],
  ["a short nonce", { nonce_hex: "00".repeat(31) }],
  ["an expiry in the past", { expires_at: 1 }],
  ["no expiry", { expires_at: null }],
  ["an expiry beyond 64 bits", { expires_at: 1e30 }],
])("%s is refused, in signed words", async (_, changed) => {
  await using miner = await filled();
  const caller = new Auth2Caller({ signer: alice, sr25519, clock: miner.clock });
  const expires_at = Math.floor(miner.clock.now() / 1000) + 10;
  const body = { cids: [one.cid], nonce_hex: toHex(randomBytes(32)), expires_at, ...changed };
  const limits = { deadlineMs: 5_000, maxBytes: 100_000 };
  const peer = { hotkey: miner.identity.hotkey, url: "http://miner" };
  const reply = await caller.post(
    createHttpClient(fetchOf(miner)),
    peer,
    "/ChallengeSynapse",
    JSON.stringify(body),
    limits,
  );
  expect(reply.status).toBe(400);
  expect(JSON.parse(reply.text).error).toMatch(/.{8}/);
});

test("without its signature, or with another's, the challenge is refused: it never falls back to the weaker proof", async () => {
  await using miner = await filled();
  const expires_at = Math.floor(miner.clock.now() / 1000) + 10;
  const body = JSON.stringify({ cids: [one.cid], nonce_hex: toHex(randomBytes(32)), expires_at });
  expect((await miner.call("POST", "/ChallengeSynapse", body)).status).toBe(400);
  expect((await miner.call("POST", "/ChallengeSynapse", body, { "X-Bittensor-Version": "1" })).status).toBe(401);
});

test("a miner that kept the hash and threw the vector away is told by it", async () => {
  await using miner = await filled();
  const { key, send } = liar(miner.clock, (asked) => {
    // All that the proof of spec 3 needs is right; the bytes are not there to answer the rest.
    const answer = honest([one], asked, key.hotkey);
    const guess = possessionProof({ ...one, embedding: new Float32Array(8) }, { ...asked, miner: key.hotkey });
    return { ...answer, entries: answer.entries.map((entry) => ({ ...entry, proof2: guess })) };
  });
  expect(await challenge(alice, miner.clock, key.hotkey, send)([one])).toEqual(["hash_only"]);
});

test("the proof of another record, of an old challenge or of another validator's proves nothing", async () => {
  await using miner = await filled();
  const swapped = liar(miner.clock, (asked) => honest([other], asked, swapped.key.hotkey));
  const renamed = liar(miner.clock, (asked) => honest([{ ...other, cid: one.cid }], asked, renamed.key.hotkey));
  const old = { nonce: randomBytes(32), validator: alice.hotkey, expiresAt: 1 };
  const replayed = liar(miner.clock, () => honest([one], old, replayed.key.hotkey));
  const relabelled = liar(miner.clock, ({ nonce }) => ({
    ...honest([one], old, relabelled.key.hotkey),
    nonce_hex: toHex(nonce),
  }));
  const bobs = liar(miner.clock, (asked) => honest([one], { ...asked, validator: bob.hotkey }, bobs.key.hotkey));
  for (const { key, send } of [swapped, renamed, replayed, relabelled, bobs]) {
    expect(await challenge(alice, miner.clock, key.hotkey, send)([one])).toEqual(["wrong"]);
  }
});

test("a miner cannot let another answer in its place", async () => {
  await using miner = await filled();
  // It passes the challenge on under its own name: the answer is made for that name, and by the other miner.
  const proxy = liar(miner.clock, async ({ cids, nonce, expiresAt }) => {
    const caller = new Auth2Caller({ signer: proxy.key, sr25519, clock: miner.clock });
    const body = JSON.stringify({ cids, nonce_hex: toHex(nonce), expires_at: expiresAt });
    const limits = { deadlineMs: 5_000, maxBytes: 100_000 };
    const peer = { hotkey: miner.identity.hotkey, url: "http://miner" };
    return JSON.parse(
      (await caller.post(createHttpClient(fetchOf(miner)), peer, "/ChallengeSynapse", body, limits)).text,
    );
  });
  expect(await challenge(alice, miner.clock, proxy.key.hotkey, proxy.send)([one])).toEqual(["wrong"]);
  miner.clock.time += 1;
  // Passed on as it came, it is addressed to somebody else.
  const forwarded = challenge(alice, miner.clock, proxy.key.hotkey, fetchOf(miner))([one]);
  await expect(forwarded).rejects.toMatchObject({ code: "CHALLENGE_REFUSED" });
  miner.clock.time += 1;
  // A reply signed by nobody, or by another, is none.
  const stripped: Fetch = async (request) => new Response((await proxy.send(request.clone())).body, { status: 200 });
  await expect(challenge(alice, miner.clock, proxy.key.hotkey, stripped)([one])).rejects.toMatchObject({
    code: "REPLY_UNSIGNED",
  });
});

test("a request counts once", async () => {
  await using miner = await filled();
  const send = fetchOf(miner);
  let again: Request | undefined;
  const recording: Fetch = (request) => {
    again = request.clone();
    return send(request);
  };
  expect(await challenge(alice, miner.clock, miner.identity.hotkey, recording)([one])).toEqual(["held"]);
  expect((await send(again as Request)).status).toBe(401);
});
