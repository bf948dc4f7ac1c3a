import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { embeddingHash } from "../../src/crypto/embedding-hash.ts";
import { EMPTY_MERKLE_ROOT, MerkleTree, merkleLeaf } from "../../src/crypto/merkle.ts";
import { PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { verifyCommitment, verifyInclusion } from "../../src/node/protocol/commitment.ts";
import { type Answer, MinerUnderTest, sr25519, TestKey, tilted, unit } from "./miner-under-test.ts";

const alice = new TestKey();
const vectorOf = (number: number) => [1, number, 0, 0, 0, 0, 0, 0];
const hashOf = (vector: readonly number[]) => embeddingHash(vector);

async function ingest(miner: MinerUnderTest, vector: readonly number[], more: object = {}): Promise<string> {
  return (await miner.signedPost(alice, "IngestSynapse", { raw_embedding: vector, ...more })).json.cid;
}
const prove = (miner: MinerUnderTest, cid: string, vector: readonly number[]) =>
  miner.post("prove-memory", { cid, embedding_hash: hashOf(vector) });
const commitment = async (miner: MinerUnderTest) => (await miner.call("GET", "/commitment")).json;

/** The tree of what the store holds, made from scratch. */
async function expected(miner: MinerUnderTest) {
  const tree = new MerkleTree();
  const now = miner.clock.now();
  const { records } = await miner.store.list({ namespace: PUBLIC_NAMESPACE, limit: 1_000, now });
  for (const { cid, embedding } of records) tree.add(merkleLeaf(cid, embeddingHash(embedding)));
  return { root_hex: tree.root(), count: tree.count };
}

test("a miner without public records commits to none", async () => {
  await using miner = await MinerUnderTest.start();
  const answer = await commitment(miner);
  expect(answer).toMatchObject({ root_hex: EMPTY_MERKLE_ROOT, count: 0, hotkey: miner.identity.hotkey });
  expect(answer.built_at).toBe(miner.clock.now() / 1000);
  expect((await prove(miner, `v1::${"0".repeat(64)}`, unit)).status).toBe(404);
});

test("the commitment is that of the store after every write, delete and expiry", async () => {
  await using miner = await MinerUnderTest.start();
  const same = async () => expect(await commitment(miner)).toMatchObject(await expected(miner));
  const cids: string[] = [];
  for (let number = 0; number < 7; number++) {
    cids.push(await ingest(miner, vectorOf(number)));
    await same();
  }
  expect((await miner.delete(alice, cids[3] ?? "")).status).toBe(200);
  await same();
  expect((await prove(miner, cids[3] ?? "", vectorOf(3))).status).toBe(404);
  const short = await ingest(miner, tilted, { expires_at: miner.clock.now() / 1000 + 60 });
  await same();
  expect((await prove(miner, short, tilted)).status).toBe(200);
  miner.clock.time += 61_000;
  await same();
  expect((await prove(miner, short, tilted)).status).toBe(404);
  expect((await commitment(miner)).count).toBe(6);
});

test("every record has a proof that a reader of the reference and one of ours verify", async () => {
  await using miner = await MinerUnderTest.start();
  const records = [];
  for (let number = 0; number < 5; number++) {
    records.push({ cid: await ingest(miner, vectorOf(number)), embeddingHash: hashOf(vectorOf(number)) });
  }
  for (const [number, record] of records.entries()) {
    const { json } = await prove(miner, record.cid, vectorOf(number));
    expect(typeof json.proof).toBe("string");
    expect(referenceVerifies(json, record.embeddingHash)).toBe(true);
    expect(verifyInclusion(sr25519, json, record)).toMatchObject({ count: 5, hotkey: miner.identity.hotkey });
    for (const changed of [
      { ...json, count: 6 },
      { ...json, built_at_ms: json.built_at_ms + 1 },
      { ...json, chain: "local:other" },
      { ...json, hotkey: alice.hotkey },
      { ...json, root_hex: json.root_hex.replace(/.$/, (end: string) => (end === "0" ? "1" : "0")) },
      { ...json, signature: undefined },
      { ...json, proof: "{}" },
      { ...json, proof: "no JSON" },
      { ...json, cid: records[(number + 1) % 5]?.cid },
    ]) {
      expect(verifyInclusion(sr25519, changed, record)).toBeUndefined();
    }
  }
});

/** spec 4 as the reference checks it: leaf, then fold, then compare. */
function referenceVerifies(reply: { root_hex: string; cid: string; proof: string }, hash: string): boolean {
  const sha256 = (...parts: (string | Buffer)[]) =>
    parts.reduce((digest, part) => digest.update(part), createHash("sha256")).digest();
  const { leaf_hex, steps } = JSON.parse(reply.proof) as {
    leaf_hex: string;
    steps: { sibling: string; side: string }[];
  };
  let current = sha256(`leaf:${reply.cid}:${hash}`);
  if (current.toString("hex") !== leaf_hex) return false;
  for (const { sibling, side } of steps) {
    const beside = Buffer.from(sibling, "hex");
    current = side === "left" ? sha256("node:", beside, current) : sha256("node:", current, beside);
  }
  return current.toString("hex") === reply.root_hex;
}

test("a private record is in no tree, and nobody learns that it is there", async () => {
  await using miner = await MinerUnderTest.start();
  await ingest(miner, vectorOf(1));
  const before = await commitment(miner);
  const cid = (await miner.namespacePost(alice, "ns", "IngestSynapse", { raw_embedding: unit })).json.cid;
  expect(cid).toMatch(/^v1::/);
  expect(await commitment(miner)).toMatchObject({ root_hex: before.root_hex, count: 1 });
  const here = await prove(miner, cid, unit);
  const nowhere = await prove(miner, `v1::${"0".repeat(64)}`, unit);
  expect([here.status, here.text]).toEqual([nowhere.status, nowhere.text]);
  expect(here.status).toBe(404);
  // The owner is not answered otherwise: this route knows no callers.
  expect((await miner.signedPost(alice, "prove-memory", { cid, embedding_hash: hashOf(unit) })).status).toBe(404);
});

test("while others write, root, count and proof are of one state", async () => {
  await using miner = await MinerUnderTest.start();
  const cid = await ingest(miner, unit);
  let isWriting = true;
  const writing = (async () => {
    for (let number = 0; number < 120; number++) {
      const added = await ingest(miner, vectorOf(number + 1));
      if (number % 3 === 0) await miner.delete(alice, added);
    }
    isWriting = false;
  })();
  const seen = new Set<string>();
  while (isWriting) {
    const answers: Answer[] = await Promise.all([prove(miner, cid, unit), prove(miner, cid, unit)]);
    for (const { json } of answers) {
      // The proof fits the root, and the path is as long as a tree of that count is high.
      expect(verifyInclusion(sr25519, json, { cid, embeddingHash: hashOf(unit) })).toBeDefined();
      seen.add(json.root_hex);
    }
  }
  await writing;
  expect(seen.size).toBeGreaterThan(5);
  expect(await commitment(miner)).toMatchObject(await expected(miner));
}, 30_000);

test("a signature is recent: an unchanged root is signed again, and the statement is the miner's own", async () => {
  await using miner = await MinerUnderTest.start();
  await ingest(miner, unit);
  const first = await commitment(miner);
  expect(verifyCommitment(sr25519, first)).toBeDefined();
  expect(await commitment(miner)).toEqual(first);
  miner.clock.time += 10_000;
  const later = await commitment(miner);
  expect(later.built_at_ms).toBe(first.built_at_ms + 10_000);
  expect(later.root_hex).toBe(first.root_hex);
  expect(verifyCommitment(sr25519, { ...first, built_at_ms: later.built_at_ms })).toBeUndefined();
});

test.each<[string, object]>([
  ["no cid", { embedding_hash: hashOf(unit) }],
  ["no hash", { cid: "x" }],
  ["a hash that is no hash", { cid: "x", embedding_hash: "y:z" }],
  ["a hash in upper case", { cid: "x", embedding_hash: hashOf(unit).toUpperCase() }],
  ["a CID of another kind", { cid: 5, embedding_hash: hashOf(unit) }],
])("%s is a 400", async (_, body) => {
  await using miner = await MinerUnderTest.start();
  expect(await miner.post("prove-memory", body)).toMatchObject({ status: 400, json: { error: expect.any(String) } });
});

test("both routes are counted as an anonymous caller's", async () => {
  await using miner = await MinerUnderTest.start({ rateLimit: 2 });
  await commitment(miner);
  await prove(miner, "x", unit);
  expect((await miner.call("GET", "/commitment")).status).toBe(429);
  expect((await prove(miner, "x", unit)).status).toBe(429);
});
