import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { verifyStorageProof } from "../../src/crypto/storage-proof.ts";
import { MinerUnderTest, TestKey, tilted, unit } from "./miner-under-test.ts";

const alice = new TestKey();
const bob = new TestKey();
let miner: MinerUnderTest;
let publicCid = "";
let privateCid = "";

beforeAll(async () => {
  miner = await MinerUnderTest.start();
  publicCid = (await miner.post("IngestSynapse", { raw_embedding: unit })).json.cid;
  privateCid = (await miner.namespacePost(alice, "ns", "IngestSynapse", { raw_embedding: tilted })).json.cid;
});
afterAll(() => miner[Symbol.asyncDispose]());

function challenge(cid: string, changed: object = {}) {
  const expires_at = Math.floor(miner.clock.now() / 1000) + 10;
  return { cid, nonce_hex: toHex(randomBytes(32)), expires_at, ...changed };
}

test("a public record is proved to anyone, for this nonce and key", async () => {
  const key = randomBytes(32);
  const body = challenge(publicCid, { validator_hotkey_hex: toHex(key).toUpperCase() });
  const answer = await miner.post("ChallengeSynapse", body);
  expect(Object.keys(answer.json)).toEqual(["embedding_hash", "proof"]);
  const nonce = Buffer.from(body.nonce_hex, "hex");
  expect(verifyStorageProof(answer.json, Float32Array.from(unit), nonce, key)).toBe(true);
  expect(verifyStorageProof(answer.json, Float32Array.from(tilted), nonce, key)).toBe(false);
  expect(verifyStorageProof(answer.json, Float32Array.from(unit), nonce, randomBytes(32))).toBe(false);
});

test("a private record is proved to its owner alone; to others it is not there", async () => {
  const owners = await miner.signedPost(alice, "ChallengeSynapse", challenge(privateCid));
  expect(owners.status).toBe(200);
  const unknown = await miner.signedPost(bob, "ChallengeSynapse", challenge(`v1::${"0".repeat(64)}`));
  expect(unknown.status).toBe(404);
  for (const answer of [
    await miner.signedPost(bob, "ChallengeSynapse", challenge(privateCid)),
    await miner.post("ChallengeSynapse", challenge(privateCid)),
    // Naming the owner is no proof.
    await miner.post("ChallengeSynapse", { ...challenge(privateCid), ...alice.namespace("ns", miner.nonce()) }),
  ]) {
    expect([answer.status, answer.text]).toEqual([unknown.status, unknown.text]);
  }
});

test.each<[string, object]>([
  ["a nonce of 31 bytes", { nonce_hex: "00".repeat(31) }],
  ["a nonce of 33 bytes", { nonce_hex: "00".repeat(33) }],
  ["an empty nonce", { nonce_hex: "" }],
  ["a nonce that is no hex", { nonce_hex: "zz".repeat(32) }],
  ["no nonce", { nonce_hex: null }],
  ["a key of 31 bytes", { validator_hotkey_hex: "00".repeat(31) }],
  ["no cid", { cid: null }],
  ["no expiry", { expires_at: null }],
  ["an expiry that is no number", { expires_at: "soon" }],
  ["an expiry in the past", { expires_at: 1 }],
])("%s is a 400", async (_, changed) => {
  const answer = await miner.post("ChallengeSynapse", challenge(publicCid, changed));
  expect(answer).toMatchObject({ status: 400, json: { error: expect.stringMatching(/.{8}/) } });
});

test("a challenge expires a moment after its second, not in it", async () => {
  miner.clock.time = Math.ceil(miner.clock.time / 1000) * 1000;
  const expires_at = miner.clock.now() / 1000;
  expect((await miner.post("ChallengeSynapse", challenge(publicCid, { expires_at }))).status).toBe(200);
  miner.clock.time += 1;
  expect((await miner.post("ChallengeSynapse", challenge(publicCid, { expires_at }))).status).toBe(400);
  expect((await miner.call("GET", "/ChallengeSynapse")).status).toBe(405);
});
