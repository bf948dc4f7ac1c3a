import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { cidOf } from "../../src/crypto/cid.ts";
import { createMinerApp } from "../../src/node/miner/miner-app.ts";
import { defaultMinerOptions } from "../../src/node/miner/miner-options.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

const alice = new TestKey();
const exact = cidOf({ embedding: Float32Array.from(unit), metadata: new Map() });

async function ingest(miner: MinerUnderTest, fields: object = {}, noiseEpsilon: number | undefined = 3) {
  const app = createMinerApp({ ...defaultMinerOptions, noiseEpsilon }, { ...miner.deps, noiseKey });
  const body = { raw_embedding: unit, ...alice.namespace("ns", miner.nonce()), ...fields };
  const response = await app.fetch(
    new Request("http://miner/IngestSynapse", { method: "POST", body: JSON.stringify(body) }),
  );
  return ((await response.json()) as { cid: string }).cid;
}
const noiseKey = new Secret(new Uint8Array(randomBytes(32)));

test("a private vector gets noise that is the same each time: one record, near to what was sent", async () => {
  await using miner = await MinerUnderTest.start();
  const cid = await ingest(miner);
  expect(cid).not.toBe(exact);
  expect(await ingest(miner)).toBe(cid);
  // A longer vector has no weaker noise.
  const record = await miner.store.get("ns", cid);
  expect(Math.hypot(...(record?.embedding ?? []))).toBeCloseTo(1, 5);
  const long = await miner.store.get("ns", await ingest(miner, { raw_embedding: unit.map((value) => value * 1000) }));
  expect(Math.hypot(...(long?.embedding ?? []))).toBeCloseTo(1, 5);
  expect(long?.embedding[0]).toBeLessThan(1);
});

test("public vectors, owners who want none, and a miner without DP_EPSILON have no noise", async () => {
  await using miner = await MinerUnderTest.start();
  expect((await miner.post("IngestSynapse", { raw_embedding: unit })).json.cid).toBe(exact);
  expect(await ingest(miner, { noise: false })).toBe(exact);
  await using other = await MinerUnderTest.start();
  expect((await other.namespacePost(alice, "ns", "IngestSynapse", { raw_embedding: unit })).json.cid).toBe(exact);
});

test("the record of another namespace has another noise", async () => {
  await using miner = await MinerUnderTest.start();
  expect(await ingest(miner, alice.namespace("other", miner.nonce()))).not.toBe(await ingest(miner));
});
