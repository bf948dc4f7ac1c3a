import { afterAll, expect, test } from "vitest";
import { MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
miner.clock.time += 120_000;
afterAll(() => miner[Symbol.asyncDispose]());
const alice = new TestKey();
const bob = new TestKey();

const signed = (key: TestKey, namespace: string, timestamp = miner.nonce()) => key.attestation(namespace, timestamp);

const attest = (body: object) => miner.post("AttestNamespace", body);
const shown = async (namespace: string) => (await miner.call("GET", `/attestation/${namespace}`)).json;

test("an owner attests, the tier is that of the stake on the chain, and hits carry it", async () => {
  await miner.namespacePost(alice, "notes", "IngestSynapse", { raw_embedding: unit });
  expect(await shown("notes")).toEqual({ namespace: "notes", trust_tier: "anonymous", attested: false });
  const answer = await attest(signed(alice, "notes"));
  expect(answer.text).toBe('{"ok": true, "namespace": "notes", "trust_tier": "anonymous", "stake_tao": 0.0}');
  const neuron = { uid: 3, coldkey: bob.hotkey, endpoint: null, validatorPermit: false, incentive: 0 };
  miner.chain.neurons = [{ ...neuron, hotkey: alice.hotkey, stakeTao: 150 }];
  miner.restart();
  const found = await shown("notes");
  expect(Object.keys(found)).toEqual([
    ...["namespace", "owner_hotkey", "trust_tier", "stake_tao", "attested_at", "attested"],
  ]);
  expect(found).toMatchObject({ owner_hotkey: alice.hotkey, trust_tier: "verified", stake_tao: 150, attested: true });
  const query = await miner.namespacePost(alice, "notes", "QuerySynapse", { query_vector: unit });
  expect(query.json.results).toMatchObject([{ trust_tier: "verified" }]);
});

test("a namespace that nobody has becomes the signer's", async () => {
  expect((await attest(signed(bob, "fresh"))).status).toBe(200);
  expect(await miner.store.namespaces.ownerOf("fresh")).toBe(bob.hotkey);
});

test("nobody attests what is another's, or the public space, or a name that cannot be taken (M-W8, M-W33)", async () => {
  await attest(signed(bob, "bobs"));
  expect((await attest(signed(alice, "bobs"))).status).toBe(403);
  expect(await shown("bobs")).toMatchObject({ owner_hotkey: bob.hotkey });
  for (const name of ["__public__", "__mine", "a-b", "x".repeat(129)]) {
    expect((await attest(signed(alice, name))).status).toBe(400);
    expect(await shown(name)).toMatchObject({ attested: false });
  }
  const publicHit = await miner.post("QuerySynapse", { query_vector: unit });
  expect(publicHit.json.results.every((hit: { trust_tier: string }) => hit.trust_tier === "anonymous")).toBe(true);
});

test.each<[string, () => object]>([
  ["without a signature", () => ({ ...signed(alice, "ns"), signature: "" })],
  ["without a time", () => ({ ...signed(alice, "ns"), timestamp_ms: 0 })],
  ["without anything", () => ({})],
  ["that is too old", () => signed(alice, "ns", miner.clock.now() - 60_001)],
  ["from the future", () => signed(alice, "ns", miner.clock.now() + 60_001)],
  ["of another name", () => ({ ...signed(alice, "other"), namespace: "ns" })],
  ["of another key", () => ({ ...signed(bob, "ns"), owner_hotkey: alice.hotkey })],
  ["that is no hex", () => ({ ...signed(alice, "ns"), signature: "zz" })],
  ["by a key that is none", () => ({ ...signed(alice, "ns"), owner_hotkey: "me" })],
  [
    "made for opening the namespace",
    () => {
      const { namespace_sig, namespace_timestamp_ms } = alice.namespace("ns", miner.nonce());
      const proof = { signature: namespace_sig, timestamp_ms: namespace_timestamp_ms };
      return { namespace: "ns", owner_hotkey: alice.hotkey, ...proof };
    },
  ],
])("an attestation %s is a 400 and changes nothing", async (_, make) => {
  expect(await attest(make())).toMatchObject({ status: 400, json: { error: expect.any(String) } });
  expect(await miner.store.namespaces.ownerOf("ns")).toBeNull();
});

test("the signature counts once, up to 60 seconds off", async () => {
  miner.clock.time += 120_000;
  const old = signed(alice, "edge", miner.clock.now() - 60_000);
  expect((await attest(old)).status).toBe(200);
  expect((await attest(old)).status).toBe(400);
  expect((await attest({ ...old, signature: `0x${old.signature.toUpperCase()}` })).status).toBe(400);
});

test("an allow-list holds here too", async () => {
  miner.restart({ allowedHotkeys: new Set([alice.hotkey]) });
  expect((await attest(signed(bob, "listed"))).status).toBe(401);
  expect((await attest(signed(alice, "listed"))).status).toBe(200);
});

test("a chain that does not answer gives nobody a tier, once what it said is ten minutes old", async () => {
  const neuron = { uid: 3, coldkey: bob.hotkey, endpoint: null, validatorPermit: false, incentive: 0 };
  miner.chain.neurons = [{ ...neuron, hotkey: alice.hotkey, stakeTao: 2000 }];
  miner.restart();
  expect(await shown("edge")).toMatchObject({ trust_tier: "sovereign" });
  miner.chain.answers = false;
  miner.clock.time += 600_000;
  expect(await shown("edge")).toMatchObject({ trust_tier: "sovereign" });
  miner.clock.time += 1;
  expect(await shown("edge")).toMatchObject({ trust_tier: "anonymous", stake_tao: 0, attested: true });
});
