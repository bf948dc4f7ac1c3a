import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { embeddingHash } from "../../src/crypto/embedding-hash.ts";
import { MerkleTree, merkleLeaf, verifyMerkleProof } from "../../src/crypto/merkle.ts";
import { PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { CHANGES_KEPT, vectorStoreMigrations } from "../../src/node/vectors/embedded/embedded-schema.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { PublicLeaves } from "../../src/node/vectors/embedded/public-leaves.ts";
import { EmbeddedCommitments } from "../../src/node/vectors/embedded/record-commitments.ts";
import { sampleRecord, sampleVector } from "./sample-records.ts";

const KILLS = 6;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-commitments-"));
  path = join(folder, "records.db");
});
afterEach(() => rm(folder, { recursive: true }));

const shown = (cid: string, seed: number, expiresAt: number | null = null) =>
  sampleRecord(cid, seed, { namespace: PUBLIC_NAMESPACE, expiresAt });
const leafOf = (cid: string, seed: number) => ({ cid, embeddingHash: embeddingHash(sampleVector(seed)) });

/** The tree of everything public in the store, from scratch. */
async function fromScratch(store: EmbeddedVectorStore) {
  const tree = new MerkleTree();
  for (let after: string | undefined; ; ) {
    const query = { namespace: PUBLIC_NAMESPACE, limit: 1_000, now: 0, ...(after === undefined ? {} : { after }) };
    const { records, next } = await store.list(query);
    for (const { cid, embedding } of records) tree.add(merkleLeaf(cid, embeddingHash(embedding)));
    if (next === null) return { root: tree.root(), count: tree.count };
    after = next;
  }
}

test("whatever is put, deleted and expired in any order, the commitment is the store's", async () => {
  await using store = new EmbeddedVectorStore({ path, clock: { now: () => 0, sleep: async () => undefined } });
  await using commitments = new EmbeddedCommitments({ path });
  const step = fc.oneof(
    fc.record({ act: fc.constant("put" as const), number: fc.nat(12) }),
    fc.record({ act: fc.constant("delete" as const), number: fc.nat(12) }),
    fc.record({ act: fc.constant("expire" as const), number: fc.nat(12) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      for (const { act, number } of steps) {
        if (act === "put")
          await store.put([shown(`c${number}`, number, 5_000 + number), sampleRecord(`p${number}`, number)]);
        else if (act === "delete") await store.delete(PUBLIC_NAMESPACE, `c${number}`);
        else await store.expire(5_000 + number);
      }
      const { root, count } = await commitments.snapshot();
      expect({ root, count }).toEqual(await fromScratch(store));
    }),
    { numRuns: 25 },
  );
}, 30_000);

test("the proof is of the same state as root and count", async () => {
  await using store = new EmbeddedVectorStore({ path });
  await using commitments = new EmbeddedCommitments({ path });
  await store.put(Array.from({ length: 9 }, (_, n) => shown(`c${n}`, n)));
  const { root, count, proof } = await commitments.snapshot(leafOf("c4", 4));
  expect(proof && verifyMerkleProof(proof, { ...leafOf("c4", 4), root, count })).toBe(true);
  expect((await commitments.snapshot(leafOf("c4", 5))).proof).toBeNull();
  // A private record of the same content is in no tree.
  await store.put([sampleRecord("p", 1)]);
  expect(await commitments.snapshot(leafOf("p", 1))).toEqual({ root, count, proof: null });
});

test("a process that missed trimmed changes reads the records again", async () => {
  const database = await openDatabase(path, vectorStoreMigrations);
  const leaves = new PublicLeaves(database);
  await using store = new EmbeddedVectorStore({ path });
  await store.put([shown("first", 1)]);
  expect(leaves.snapshot().count).toBe(1);
  await store.delete(PUBLIC_NAMESPACE, "first");
  for (let n = 0; n <= CHANGES_KEPT; n += 1_000) {
    await store.put(Array.from({ length: 1_000 }, (_, k) => sampleRecord(`p${n + k}`, 1)));
  }
  await store.put([shown("second", 2)]);
  const { root, count } = leaves.snapshot();
  database.close();
  expect({ root, count }).toEqual(await fromScratch(store));
  expect(count).toBe(1);
}, 30_000);

test("a writer killed at any moment leaves a store and a commitment that agree", async () => {
  const script = new URL("./put-until-killed.ts", import.meta.url).pathname;
  // One reader lives through all of it, as a miner does beside other processes of its folder.
  await using living = new EmbeddedCommitments({ path });
  const told = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    const arguments_ = [script, path, String(round), PUBLIC_NAMESPACE];
    const child = spawn(process.execPath, arguments_, { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    const after = 1 + Math.floor(Math.random() * 60);
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [verb, cid = ""] = line.split(" ");
      if (verb === "put") told.add(cid);
      else told.delete(cid);
      lines += 1;
      if (lines === after) child.kill("SIGKILL");
    }
    await exited;
    await using store = new EmbeddedVectorStore({ path });
    await using fresh = new EmbeddedCommitments({ path });
    const expected = await fromScratch(store);
    expect(await living.snapshot()).toEqual({ ...expected, proof: null });
    expect(await fresh.snapshot()).toEqual({ ...expected, proof: null });
    for (const cid of told) {
      const { proof } = await fresh.snapshot(leafOf(cid, Number(cid.split("-")[0])));
      expect(proof).not.toBeNull();
    }
  }
  expect(told.size).toBeGreaterThan(KILLS);
}, 60_000);
