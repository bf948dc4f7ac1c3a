import { afterAll, expect, test } from "vitest";
import { cidOf } from "../../src/crypto/cid.ts";
import { objectFromPlain } from "../../src/crypto/subnet-json.ts";
import { MinerUnderTest, TestKey } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());
const validator = new TestKey();
const alice = new TestKey();
/** Numbers that lose or gain digits on their way through float32 and back. */
const awkward = [0.1, 1 / 3, -0.0001, 1e-7, 12345.678, 1, 0, 3.4e38];
const metadata = { text: "é 😀", n: 1.5, list: [1, 2.5, null] };

async function ingested(body: object): Promise<string> {
  const { json } = await miner.signedPost(alice, "IngestSynapse", body);
  expect(json.error).toBeNull();
  return json.cid;
}

test("a repaired record is the same record at another miner, as a validator copies it", async () => {
  const cid = await ingested({ raw_embedding: awkward, metadata });
  const repair = await miner.signedPost(validator, "RepairSynapse", { cid: ` ${cid}\n` });
  expect(repair.status).toBe(200);
  expect(Object.keys(repair.json)).toEqual(["cid", "embedding", "metadata"]);
  expect(repair.json.embedding).toEqual(awkward.map(Math.fround));
  expect(repair.json.metadata).toEqual(metadata);
  await using target = await MinerUnderTest.start();
  // The texts as they came: parsing them here would turn 1.0 into 1.
  const [, embedding, kept] = /"embedding": (\[.*?\]), "metadata": (.*)\}$/s.exec(repair.text) ?? [];
  const body = `{"raw_embedding":${embedding},"metadata":${kept},"cid_override":"${cid}"}`;
  const copy = await target.call("POST", "/IngestSynapse", validator.signed("IngestSynapse", body, target.nonce()));
  expect(copy.json).toEqual({ cid, error: null });
});

test("a wanted CID that is not the content's is not given to it", async () => {
  const wanted = `v1::${"ab".repeat(32)}`;
  const raw_embedding = [0, 0, 1, 0, 0, 0, 0, 0];
  const { json } = await miner.signedPost(validator, "IngestSynapse", { raw_embedding, cid_override: wanted });
  const vector = Float32Array.from(raw_embedding);
  expect(json).toEqual({
    cid: cidOf({ embedding: vector, metadata: objectFromPlain({}), modelVersion: "v1" }),
    error: null,
  });
  expect((await miner.retrieve(wanted)).status).toBe(404);
});

test("a private record is not there, whoever asks", async () => {
  const raw_embedding = [0, 1, 0, 0, 0, 0, 0, 0];
  const { cid } = (await miner.namespacePost(alice, "ns", "IngestSynapse", { raw_embedding })).json;
  const unknown = await miner.post("RepairSynapse", { cid: `v1::${"0".repeat(64)}` });
  expect(unknown).toMatchObject({ status: 404, json: { error: "not found" } });
  const asked = [
    await miner.post("RepairSynapse", { cid }),
    await miner.signedPost(validator, "RepairSynapse", { cid }),
    await miner.signedPost(alice, "RepairSynapse", { cid }),
    await miner.namespacePost(alice, "ns", "RepairSynapse", { cid }),
  ];
  for (const answer of asked) expect([answer.status, answer.text]).toEqual([404, unknown.text]);
});

test.each<[number, string, object | string]>([
  [400, "no cid", {}],
  [400, "a blank cid", { cid: "  " }],
  [400, "a cid that is no text", { cid: 5 }],
  [400, "broken JSON", "{"],
  [401, "a wrong signature", { cid: "x", hotkey: alice.hotkey, nonce: 1, signature: "00" }],
])("%s for %s", async (status, _, body) => {
  const answer = await miner.call("POST", "/RepairSynapse", typeof body === "string" ? body : JSON.stringify(body));
  expect(answer).toMatchObject({ status, json: { error: expect.stringMatching(/.{8}/) } });
});
