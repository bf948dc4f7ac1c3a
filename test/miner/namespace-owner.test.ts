import { afterAll, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { ownerChangeMessage } from "../../src/crypto/request-auth.ts";
import { NamespaceOwner } from "../../src/node/client/replication/namespace-owner.ts";
import { MinerUnderTest, TestKey, tilted, unit } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());
const bob = new TestKey();
const { namespaces } = miner.store;

/** A namespace with one record, and its owner as a client calls the miner. */
async function owned(name: string, key = new TestKey()) {
  const ingest = await miner.namespacePost(key, name, "IngestSynapse", { raw_embedding: unit, metadata: { of: name } });
  const peer = miner.auth2(key);
  const owner = new NamespaceOwner(key.hotkey, peer);
  return { key, cid: ingest.json.cid as string, owner, at: peer.miner };
}

const count = async (key: TestKey, name: string) => (await miner.namespacePost(key, name, "list", {})).json.count;

test("the old key hands a namespace to the new one: from then on that one alone opens it", async () => {
  const { key, cid, owner, at } = await owned("rotated");
  const next = new TestKey();
  expect(await owner.rotate(at, "rotated", next)).toBe(true);
  expect(await count(next, "rotated")).toBe(1);
  expect((await miner.namespacePost(key, "rotated", "list", {})).status).toBe(404);
  expect((await miner.delete(key, cid)).status).toBe(404);
  expect(await owner.rotate(at, "rotated", key)).toBe(false);
  expect((await miner.delete(next, cid)).status).toBe(200);
});

test("nobody hands over what is not theirs; another's namespace looks like none", async () => {
  const { key } = await owned("mine");
  const { caller, http, miner: at } = miner.auth2(bob);
  const thief = new NamespaceOwner(bob.hotkey, { caller, http });
  expect(await thief.rotate(at, "mine", bob)).toBe(false);
  expect(await thief.rotate(at, "nothing", bob)).toBe(false);
  expect(await thief.delete(at, "mine")).toBe(false);
  const ask = async (namespace: string) => {
    const limits = { deadlineMs: 5_000, maxBytes: 10_000 };
    return (await caller.post(http, at, "/NamespaceOwner", JSON.stringify({ action: "delete", namespace }), limits))
      .text;
  };
  expect(await ask("mine")).toBe(await ask("nothing"));
  expect(await namespaces.ownerOf("mine")).toBe(key.hotkey);
});

test("the new key must want it, and this namespace, from this owner", async () => {
  const { key, at } = await owned("wanted");
  const { caller, http } = miner.auth2(key);
  const next = new TestKey();
  const send = async (body: object) => {
    const limits = { deadlineMs: 5_000, maxBytes: 10_000 };
    return (await caller.post(http, at, "/NamespaceOwner", JSON.stringify({ action: "rotate", ...body }), limits))
      .status;
  };
  const by = (signer: TestKey, namespace: string, from: TestKey) =>
    toHex(signer.sign(ownerChangeMessage(namespace, from.hotkey, next.hotkey)));
  const base = { namespace: "wanted", new_hotkey: next.hotkey };
  expect(await send({ ...base, new_signature: by(key, "wanted", key) })).toBe(403);
  expect(await send({ ...base, new_signature: by(next, "other", key) })).toBe(403);
  expect(await send({ ...base, new_signature: by(next, "wanted", bob) })).toBe(403);
  expect(await send({ ...base, new_hotkey: "me", new_signature: by(next, "wanted", key) })).toBe(400);
  expect(await send(base)).toBe(400);
  expect(await send({ action: "give", namespace: "wanted" })).toBe(400);
  expect(await namespaces.ownerOf("wanted")).toBe(key.hotkey);
  expect(await send({ ...base, new_signature: by(next, "wanted", key) })).toBe(200);
});

test("signatures inside the body do it not: auth2 alone", async () => {
  const { key } = await owned("bodies");
  const body = { action: "delete", namespace: "bodies" };
  expect((await miner.signedPost(key, "NamespaceOwner", body)).status).toBe(401);
  expect((await miner.namespacePost(key, "bodies", "NamespaceOwner", body)).status).toBe(401);
  expect(await namespaces.ownerOf("bodies")).toBe(key.hotkey);
});

test("an ended namespace leaves no record, and its name is nobody else's ever", async () => {
  const { key, cid, owner, at } = await owned("ended");
  expect(await owner.delete(at, "ended")).toBe(true);
  expect(await miner.store.count("ended")).toBe(0);
  expect(await miner.store.locate(cid)).toEqual([]);
  expect(await namespaces.ownerOf("ended")).toBeNull();
  expect(await owner.delete(at, "ended")).toBe(false);
  const squat = await miner.namespacePost(bob, "ended", "IngestSynapse", { raw_embedding: tilted });
  expect(squat.json).toMatchObject({ cid: null, error: expect.stringContaining("another owner") });
  expect(await namespaces.createKeyed("ended", new Uint8Array(32), 1)).toBe(false);
  miner.restart();
  expect((await miner.namespacePost(bob, "ended", "IngestSynapse", { raw_embedding: tilted })).json.cid).toBeNull();
  // Its last owner alone may come back to it, and finds it empty.
  expect((await miner.namespacePost(key, "ended", "IngestSynapse", { raw_embedding: tilted })).json.error).toBeNull();
  expect(await count(key, "ended")).toBe(1);
});

test("a record that was on its way when its namespace ended is refused, not left behind", async () => {
  const { owner, at } = await owned("late");
  await owner.delete(at, "late");
  const record = { namespace: "late", cid: "v1::late", embedding: Float32Array.from(unit), metadata: "{}" };
  const put = miner.store.put([{ ...record, ingestedBy: null, createdAt: 1, expiresAt: null }]);
  await expect(put).rejects.toThrow();
  expect(await miner.store.count("late")).toBe(0);
});

test("what the old key attested is void with it", async () => {
  const { key, owner, at } = await owned("attested");
  await namespaces.attest("attested", key.hotkey, 5);
  expect(await namespaces.attestationOf("attested")).toEqual({ owner: key.hotkey, attestedAt: 5 });
  await owner.rotate(at, "attested", new TestKey());
  expect(await namespaces.attestationOf("attested")).toBeNull();
});
