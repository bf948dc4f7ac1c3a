import { afterAll, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { grantMessage, MAX_READERS, type NamespaceGrant } from "../../src/node/protocol/namespace-grant.ts";
import { MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());
const chain = await miner.chain.identity();
const reader = new TestKey();

async function owned(name: string, key = new TestKey()) {
  const { json } = await miner.namespacePost(key, name, "IngestSynapse", {
    raw_embedding: unit,
    metadata: { of: name },
  });
  return { key, cid: json.cid as string };
}

function grantOf(key: TestKey, namespace: string, changes: Partial<NamespaceGrant> = {}, signer = key) {
  const now = miner.clock.now();
  const grant: NamespaceGrant = {
    ...{ chain, namespace, owner: key.hotkey, reader: reader.hotkey, rights: "read", epoch: 0 },
    ...{ id: "0".repeat(32), secrets: "0".repeat(64), issued_at: now, expires_at: now + 60_000, ...changes },
  };
  return { ...grant, signature: toHex(signer.sign(grantMessage(grant))) };
}

async function ask(key: TestKey, path: string, body: object) {
  const { caller, http, miner: at } = miner.auth2(key);
  const limits = { deadlineMs: 10_000, maxBytes: 1_000_000 };
  const { status, text } = await caller.post(http, at, path, JSON.stringify(body), limits);
  return { status, text, json: JSON.parse(text) };
}

const list = (grant: ReturnType<typeof grantOf>, key = reader, namespace = grant.namespace) =>
  ask(key, "/list", { namespace, grant, limit: 10 });
const query = (grant: ReturnType<typeof grantOf>, key = reader) =>
  ask(key, "/QuerySynapse", { namespace: grant.namespace, grant, query_vector: unit, top_k: 3 });

test("a granted reader lists and queries the namespace, and does nothing else in it", async () => {
  const { key, cid } = await owned("lent");
  const grant = grantOf(key, "lent");
  expect((await list(grant)).json).toMatchObject({ count: 1, records: [{ cid, metadata: { of: "lent" } }] });
  expect((await query(grant)).json).toMatchObject({ error: null, results: [{ cid }] });
  expect((await miner.delete(reader, cid, { cid, namespace: "lent" })).status).toBe(404);
  const own = await miner.namespacePost(reader, "lent", "IngestSynapse", { raw_embedding: unit, grant });
  expect(own.json.error).toMatch(/another owner/);
  expect((await miner.namespacePost(reader, "lent", "list", { grant })).status).toBe(404);
  expect((await miner.retrieve(cid)).status).toBe(404);
  expect((await ask(reader, "/NamespaceGrants", { namespace: "lent", epoch: 1, letters: [] })).status).toBe(404);
  expect((await list(grant)).json.count).toBe(1);
});

test("a grant is for one reader, one namespace, one chain and its time, by the owner's own hand", async () => {
  const { key } = await owned("strict");
  await owned("other", key);
  const { time } = miner.clock;
  const refusals: readonly (readonly [ReturnType<typeof grantOf>, TestKey?, string?])[] = [
    [grantOf(key, "strict"), new TestKey()],
    [grantOf(key, "strict"), reader, "other"],
    [grantOf(key, "strict", {}, reader)],
    [{ ...grantOf(key, "strict"), expires_at: time + 120_000 }],
    [grantOf(key, "strict", { chain: "genesis:of another" })],
    [grantOf(key, "strict", { expires_at: time })],
    [grantOf(key, "strict", { issued_at: time + 600_000, expires_at: time + 700_000 })],
  ];
  for (const [grant, sender, namespace] of refusals) expect((await list(grant, sender, namespace)).status).toBe(403);
  const wrong = { ...grantOf(key, "strict"), rights: "write" } as unknown as ReturnType<typeof grantOf>;
  expect((await list(wrong)).status).toBe(400);
  expect((await list(grantOf(key, "strict"))).status).toBe(200);
});

test("who does not own the namespace grants nothing: it looks like none", async () => {
  await owned("closed");
  const stranger = new TestKey();
  const [closed, none] = [await list(grantOf(stranger, "closed")), await list(grantOf(stranger, "nothing"))];
  expect(closed.status).toBe(404);
  expect(closed.text).toBe(none.text);
});

test("a new epoch ends older grants; readers who stay find their letter, and nobody else does", async () => {
  const { key } = await owned("turning");
  const old = grantOf(key, "turning");
  const letters = [{ reader: reader.hotkey, sealed: "for the reader" }];
  const begin = (epoch: number, signer = key, left: readonly object[] = letters) =>
    ask(signer, "/NamespaceGrants", { namespace: "turning", epoch, letters: left });
  expect((await ask(reader, "/NamespaceLetter", { namespace: "turning" })).status).toBe(404);
  expect((await begin(1)).json).toEqual({ ok: true, namespace: "turning", epoch: 1, _p: expect.any(String) });
  expect((await list(old)).status).toBe(403);
  expect((await query(old)).status).toBe(403);
  expect((await list(grantOf(key, "turning", { epoch: 1 }))).status).toBe(200);
  const letter = await ask(reader, "/NamespaceLetter", { namespace: "turning" });
  expect(letter.json).toMatchObject({ epoch: 1, sealed: "for the reader" });
  const [to, about] = [{ namespace: "turning" }, { namespace: "no such" }];
  const nobody = await ask(new TestKey(), "/NamespaceLetter", to);
  expect([nobody.status, nobody.text]).toEqual([404, (await ask(new TestKey(), "/NamespaceLetter", about)).text]);
  // Never back, not after a restart either.
  expect((await begin(0)).status).toBe(409);
  miner.restart();
  expect((await list(old)).status).toBe(403);
  // Who does not know the readers takes nothing from them.
  expect((await ask(key, "/NamespaceGrants", { namespace: "turning", epoch: 1 })).status).toBe(200);
  expect((await ask(reader, "/NamespaceLetter", to)).json).toMatchObject({ sealed: "for the reader" });
  expect((await begin(1, key, [])).status).toBe(200);
  expect((await ask(reader, "/NamespaceLetter", to)).status).toBe(404);
});

test("a deleted namespace leaves no letter, and old grants are void when its owner comes back", async () => {
  const { key } = await owned("gone");
  const letters = [{ reader: reader.hotkey, sealed: "for the reader" }];
  const old = grantOf(key, "gone");
  expect((await ask(key, "/NamespaceGrants", { namespace: "gone", epoch: 1, letters })).status).toBe(200);
  expect(await miner.store.namespaces.deleteOwned("gone", key.hotkey, miner.clock.now())).toBe(true);
  await owned("gone", key);
  expect((await ask(reader, "/NamespaceLetter", { namespace: "gone" })).status).toBe(404);
  expect((await list(old)).status).toBe(403);
});

test("the letters of as many readers and epochs as there may be fit, so that an epoch can always begin", async () => {
  const { key } = await owned("crowded");
  const sealed = "x".repeat(24 * 1024);
  const letters = Array.from({ length: MAX_READERS }, () => ({ reader: new TestKey().hotkey, sealed }));
  const begun = await ask(key, "/NamespaceGrants", { namespace: "crowded", epoch: 1, letters });
  expect(begun.status).toBe(200);
});

test("an epoch may come before the first record, and a hand-over voids grants and letters", async () => {
  const key = new TestKey();
  const letters = [{ reader: reader.hotkey, sealed: "early" }];
  expect((await ask(key, "/NamespaceGrants", { namespace: "early", epoch: 2, letters })).status).toBe(200);
  expect((await ask(new TestKey(), "/NamespaceGrants", { namespace: "early", epoch: 3, letters: [] })).status).toBe(
    404,
  );
  await owned("early", key);
  expect((await list(grantOf(key, "early", { epoch: 1 }))).status).toBe(403);
  expect((await list(grantOf(key, "early", { epoch: 2 }))).json.count).toBe(1);
  const next = new TestKey();
  expect(await miner.store.namespaces.changeOwner("early", key.hotkey, next.hotkey)).toBe(true);
  expect((await list(grantOf(key, "early", { epoch: 2 }))).status).toBe(404);
  expect((await ask(reader, "/NamespaceLetter", { namespace: "early" })).status).toBe(404);
  expect((await list(grantOf(next, "early"))).json.count).toBe(1);
  // Back at its first owner what that one ended stays ended.
  expect((await ask(next, "/NamespaceGrants", { namespace: "early", epoch: 1, letters: [] })).status).toBe(200);
  expect(await miner.store.namespaces.changeOwner("early", next.hotkey, key.hotkey)).toBe(true);
  expect((await list(grantOf(key, "early", { epoch: 1 }))).status).toBe(403);
  expect((await list(grantOf(key, "early", { epoch: 2 }))).json.count).toBe(1);
});
