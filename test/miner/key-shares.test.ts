import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { btauthHeaders, REPLY_SIGNATURE_HEADER, verifyBtauthReply } from "../../src/crypto/btauth.ts";
import { openEnvelope, sealEnvelope } from "../../src/crypto/envelope.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { type ShareManifest, shareCommitment, signManifest } from "../../src/crypto/key-shares.ts";
import { splitSecret } from "../../src/crypto/shamir.ts";
import { x25519Pair } from "../../src/crypto/x25519.ts";
import { verifyCapabilities } from "../../src/node/protocol/capabilities.ts";
import { type Answer, MinerUnderTest, sr25519, TestKey } from "./miner-under-test.ts";

const alice = new TestKey();
const bob = new TestKey();
const replyKeys = x25519Pair(randomBytes(32));
const NAMESPACE = `n${"a1".repeat(20)}`;

/** One owner's split, and the bodies that carry it to `miner`. */
function splitOf(miner: MinerUnderTest, epoch: number, { key = alice, namespace = NAMESPACE } = {}) {
  const facts = { namespace, epoch, threshold: 2, total: 3 };
  const shares = splitSecret(randomBytes(32), facts, randomBytes);
  const manifest: ShareManifest = {
    ...facts,
    key_epoch: 0,
    public_key: "ab".repeat(32),
    commitments: shares.map((share) => shareCommitment(facts, share)),
  };
  const { signature } = signManifest(manifest, (message) => key.sign(message));
  const deposit = (index: number, changed: object = {}) => ({
    share_index: index,
    sealed_share: seal(miner, shares[index - 1]?.bytes ?? new Uint8Array(32)),
    manifest,
    manifest_signature: signature,
    keep_epoch: 0,
    ...changed,
  });
  return { shares, manifest, deposit };
}

function seal(miner: MinerUnderTest, bytes: Uint8Array): string {
  return sealEnvelope(bytes, miner.deps.shareKeys.reveal().publicKey);
}

/** A request as sent: send it again for a replay, or with other headers or another body. */
function signed(miner: MinerUnderTest, key: TestKey, path: string, body: object, receiver = miner.identity.hotkey) {
  const text = JSON.stringify(body);
  const request = {
    method: "POST",
    target: path,
    nonce: BigInt(miner.nonce()) * 1_000_000n,
    sender: key.hotkey,
    receiver,
  };
  const headers = btauthHeaders({ ...request, body: Buffer.from(text) }, (message) => key.sign(message));
  const send = (otherHeaders: Readonly<Record<string, string>> = headers, otherText = text, otherPath = path) =>
    miner.call("POST", otherPath, otherText, otherHeaders);
  return { request, headers, text, send };
}

const store = (miner: MinerUnderTest, key: TestKey, body: object) =>
  signed(miner, key, "/KeyShareSynapse", body).send();
const retrieve = (miner: MinerUnderTest, key: TestKey, namespace = NAMESPACE) =>
  signed(miner, key, "/KeyShareRetrieve", { namespace, reply_key: toHex(replyKeys.publicKey) }).send();

/** Index and bytes of what came back. */
function opened(answer: Answer): readonly [number, string][] {
  return answer.json.shares.map((share: { share_index: number; sealed_share: string }) => [
    share.share_index,
    toHex(openEnvelope(share.sealed_share, replyKeys.privateKey)),
  ]);
}

test("an owner's share comes back sealed to the request's key, over a restart too; the reply is signed", async () => {
  await using miner = await MinerUnderTest.start();
  const { shares, deposit } = splitOf(miner, 1);
  expect((await store(miner, alice, deposit(2))).json).toMatchObject({ stored: true });
  expect(await miner.store.namespaces.ownerOf(NAMESPACE)).toBe(alice.hotkey);
  miner.clock.time += 1;
  miner.restart();
  const { request, send } = signed(miner, alice, "/KeyShareRetrieve", {
    namespace: NAMESPACE,
    reply_key: toHex(replyKeys.publicKey),
  });
  const answer = await send();
  expect(opened(answer)).toEqual([[2, toHex(shares[1]?.bytes ?? new Uint8Array())]]);
  expect(answer.json.shares[0]).toMatchObject({ manifest: { epoch: 1, threshold: 2, total: 3 } });
  const signature = answer.headers.get(REPLY_SIGNATURE_HEADER);
  const reply = { request, status: 200, body: Buffer.from(answer.text) };
  expect(verifyBtauthReply(sr25519, reply, signature)).toBe(true);
  expect(verifyBtauthReply(sr25519, { ...reply, body: Buffer.from("{}") }, signature)).toBe(false);
});

test("the key that shares are sealed to stands in the signed statement", async () => {
  await using miner = await MinerUnderTest.start();
  const { caps } = (await miner.call("GET", "/health")).json;
  expect(verifyCapabilities(sr25519, caps)).toMatchObject({
    caps: expect.arrayContaining(["auth2", "keyshare2"]),
    x25519: toHex(miner.deps.shareKeys.reveal().publicKey),
  });
  expect(verifyCapabilities(sr25519, { ...caps, x25519: "00".repeat(32) })).toBeUndefined();
  const { x25519: _, ...without } = caps;
  expect(verifyCapabilities(sr25519, without)).toBeUndefined();
});

test("a request counts once, from its sender to this miner, for this route and body", async () => {
  await using miner = await MinerUnderTest.start();
  const { deposit } = splitOf(miner, 1);
  const request = signed(miner, alice, "/KeyShareSynapse", deposit(1));
  expect((await request.send()).status).toBe(200);
  expect((await request.send()).status).toBe(401);

  const fresh = signed(miner, alice, "/KeyShareRetrieve", {
    namespace: NAMESPACE,
    reply_key: toHex(replyKeys.publicKey),
  });
  for (const name of Object.keys(fresh.headers)) {
    const stripped = Object.fromEntries(Object.entries(fresh.headers).filter(([key]) => key !== name));
    expect((await fresh.send(stripped)).status, name).toBe(401);
  }
  const toAttacker = fresh.text.replace(toHex(replyKeys.publicKey), "11".repeat(32));
  expect((await fresh.send(fresh.headers, toAttacker)).status).toBe(401);
  expect((await fresh.send(fresh.headers, fresh.text, "/KeyShareRetrieve?x=1")).status).toBe(401);
  expect((await fresh.send({ ...fresh.headers, "X-Bittensor-Hotkey": bob.hotkey })).status).toBe(401);
  const elsewhere = signed(miner, alice, "/KeyShareRetrieve", JSON.parse(fresh.text), bob.hotkey);
  expect((await elsewhere.send()).status).toBe(401);
  // What failed used nothing up.
  expect((await fresh.send()).status).toBe(200);

  const late = signed(miner, alice, "/KeyShareRetrieve", JSON.parse(fresh.text));
  miner.clock.time += 10_100;
  expect((await late.send()).status).toBe(401);
  const beforeRestart = signed(miner, alice, "/KeyShareRetrieve", JSON.parse(fresh.text));
  miner.clock.time += 1_000;
  miner.restart();
  expect((await beforeRestart.send()).status).toBe(401);
  expect((await retrieve(miner, alice)).status).toBe(200);
});

test("signatures inside the body move no share, and the refusal says what does", async () => {
  await using miner = await MinerUnderTest.start();
  await store(miner, alice, splitOf(miner, 1).deposit(1));
  const body = { reply_key: toHex(replyKeys.publicKey) };
  for (const answer of [
    await miner.namespacePost(alice, NAMESPACE, "KeyShareRetrieve", body),
    await miner.signedPost(alice, "KeyShareRetrieve", { ...body, namespace: NAMESPACE }),
    await miner.namespacePost(alice, NAMESPACE, "KeyShareSynapse", {
      share_index: 1,
      share_hex: "00ff",
      threshold: 2,
      total: 3,
    }),
  ]) {
    expect(answer).toMatchObject({ status: 401, json: { error: expect.stringMatching(/auth2.*X-Bittensor/) } });
  }
});

test("only the owner stores and retrieves; another's namespace looks like none", async () => {
  await using miner = await MinerUnderTest.start();
  await store(miner, alice, splitOf(miner, 1).deposit(1));
  const takeover = splitOf(miner, 2, { key: bob });
  expect((await store(miner, bob, takeover.deposit(1))).status).toBe(403);
  // The owner's own deposit, sent by somebody else.
  expect((await store(miner, bob, splitOf(miner, 2).deposit(1))).status).toBe(403);
  const foreign = await retrieve(miner, bob);
  const unknown = await retrieve(miner, bob, `n${"b2".repeat(20)}`);
  expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
  await store(miner, bob, { namespace: NAMESPACE, commit_epoch: 9 });
  expect(opened(await retrieve(miner, alice))).toHaveLength(1);
  const reserved = splitOf(miner, 1, { namespace: "__public__" });
  expect((await store(miner, alice, reserved.deposit(1))).status).toBe(403);
});

test("a namespace that records made belongs to who ingested them", async () => {
  await using miner = await MinerUnderTest.start();
  await miner.namespacePost(bob, NAMESPACE, "IngestSynapse", { raw_embedding: [1, 0, 0, 0, 0, 0, 0, 0] });
  expect((await store(miner, alice, splitOf(miner, 1).deposit(1))).status).toBe(403);
  expect((await store(miner, bob, splitOf(miner, 1, { key: bob }).deposit(1))).status).toBe(200);
});

test("epochs only rise; the one before stays until the new one is whole", async () => {
  await using miner = await MinerUnderTest.start();
  const [one, two, three] = [splitOf(miner, 1), splitOf(miner, 2), splitOf(miner, 3)];
  const epochs = async () =>
    (await retrieve(miner, alice)).json.shares.map((share: { manifest: ShareManifest }) => share.manifest.epoch);
  expect((await store(miner, alice, one.deposit(1))).status).toBe(200);
  expect((await store(miner, alice, two.deposit(1, { keep_epoch: 1 }))).status).toBe(200);
  expect((await store(miner, alice, one.deposit(1))).status).toBe(409);
  expect(await epochs()).toEqual([2, 1]);
  // The second never became whole: the first stays, it goes.
  expect((await store(miner, alice, three.deposit(2, { keep_epoch: 1 }))).status).toBe(200);
  expect(await epochs()).toEqual([3, 1]);
  expect((await store(miner, alice, three.deposit(2))).status).toBe(200);
  expect((await store(miner, alice, three.deposit(1))).status).toBe(409);
  expect((await store(miner, alice, splitOf(miner, 3).deposit(2))).status).toBe(409);
  expect((await store(miner, alice, { namespace: NAMESPACE, commit_epoch: 3 })).status).toBe(200);
  expect(await epochs()).toEqual([3]);
});

type Deposit = ReturnType<ReturnType<typeof splitOf>["deposit"]>;

test.each<[string, number, (deposit: Deposit, miner: MinerUnderTest) => object]>([
  ["an index above the total", 400, (deposit) => ({ ...deposit, share_index: 4 })],
  ["index 0", 400, (deposit) => ({ ...deposit, share_index: 0 })],
  ["another's index", 400, (deposit) => ({ ...deposit, share_index: 2 })],
  ["another share", 400, (deposit, miner) => ({ ...deposit, sealed_share: seal(miner, randomBytes(32)) })],
  ["a share in clear", 400, (deposit) => ({ ...deposit, sealed_share: "00".repeat(32) })],
  [
    "a share sealed to somebody else",
    400,
    (deposit) => ({ ...deposit, sealed_share: sealEnvelope(randomBytes(32), replyKeys.publicKey) }),
  ],
  ["a lowered threshold", 400, (deposit) => ({ ...deposit, manifest: { ...deposit.manifest, threshold: 1 } })],
  ["a changed manifest", 403, (deposit) => ({ ...deposit, manifest: { ...deposit.manifest, epoch: 7 } })],
  ["a manifest without its signature", 400, ({ manifest_signature: _, ...deposit }) => deposit],
  ["too few commitments", 400, (deposit) => ({ ...deposit, manifest: { ...deposit.manifest, commitments: [] } })],
  ["a body that is too large", 413, (deposit) => ({ ...deposit, padding: "x".repeat(70_000) })],
])("%s is refused and nothing is kept", async (_, status, change) => {
  await using miner = await MinerUnderTest.start();
  const answer = await store(miner, alice, change(splitOf(miner, 1).deposit(1), miner));
  expect([answer.status, answer.json.error]).toEqual([status, expect.stringMatching(/.{8}/)]);
  expect((await retrieve(miner, alice)).status).toBe(404);
});

test("a reply key of a small order is refused", async () => {
  await using miner = await MinerUnderTest.start();
  await store(miner, alice, splitOf(miner, 1).deposit(1));
  const body = { namespace: NAMESPACE, reply_key: "00".repeat(32) };
  expect((await signed(miner, alice, "/KeyShareRetrieve", body).send()).status).toBe(400);
});

test("whatever an authenticated sender sends, the answer is a sentence and nothing is kept", async () => {
  await using miner = await MinerUnderTest.start();
  const good = splitOf(miner, 1).deposit(1);
  const value = fc.jsonValue({ maxDepth: 2 });
  const body = fc.oneof(
    value,
    fc.dictionary(fc.constantFrom(...Object.keys(good), "namespace", "commit_epoch", "reply_key"), value),
    fc.tuple(fc.constantFrom(...Object.keys(good)), value).map(([field, wrong]) => ({ ...good, [field]: wrong })),
  );
  await fc.assert(
    fc.asyncProperty(body, fc.constantFrom("/KeyShareSynapse", "/KeyShareRetrieve"), async (sent, path) => {
      fc.pre(!mayBeGood(sent, good));
      const answer = await signed(miner, alice, path, sent as object).send();
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.json.error).toMatch(/.{8}/);
      expect(answer.headers.get(REPLY_SIGNATURE_HEADER)).toMatch(/^0x/);
    }),
    { numRuns: 100 },
  );
  expect((await retrieve(miner, alice)).status).toBe(404);
});

/** By chance: another `keep_epoch` is as good as the first, and any commit is taken. */
function mayBeGood(sent: unknown, good: Deposit): boolean {
  if (typeof sent !== "object" || sent === null) return false;
  if ("commit_epoch" in sent) return Number.isSafeInteger(sent.commit_epoch);
  const keepsEpoch = "keep_epoch" in sent && Number.isSafeInteger(sent.keep_epoch);
  return keepsEpoch && JSON.stringify({ ...sent, keep_epoch: 0 }) === JSON.stringify(good);
}
