import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { btauthHeaders } from "../../src/crypto/btauth.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { x25519Pair } from "../../src/crypto/x25519.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { type Answer, MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

const alice = new TestKey();
const eve = new TestKey();
const MISSING_CID = `v1::${"0".repeat(64)}`;
const HELD = "n_held_here";
const MISSING = "n_not_there";

/** All that somebody on the line, or the sender, can tell: status, length, and the step of 100 ms it came in. */
interface Seen {
  readonly status: number;
  readonly length: number;
  readonly steps: number;
  readonly headers: readonly string[];
}

async function observe(miner: MinerUnderTest, ask: () => Promise<Answer>): Promise<Seen> {
  const began = miner.clock.time;
  const { status, text, headers } = await ask();
  const steps = (miner.clock.time - began) / 100;
  return { status, length: text.length, steps, headers: [...headers.keys()].sort() };
}

/** Every lookup takes another time: `held` ones long, but within one step. */
function slowed(miner: MinerUnderTest): void {
  const { store, namespaces } = miner.deps;
  const ownedHolding = namespaces.ownedHolding.bind(namespaces);
  namespaces.ownedHolding = async (cid, owner) => {
    miner.clock.time += (await store.locate(cid)).length > 0 ? 37 : 1;
    return ownedHolding(cid, owner);
  };
  const ownerOf = namespaces.ownerOf.bind(namespaces);
  namespaces.ownerOf = async (name) => {
    const owner = await ownerOf(name);
    miner.clock.time += owner === null ? 3 : 41;
    return owner;
  };
}

async function withPrivateRecord(): Promise<{ readonly miner: MinerUnderTest; readonly cid: string }> {
  const miner = await MinerUnderTest.start();
  const { json } = await miner.namespacePost(alice, HELD, "IngestSynapse", { raw_embedding: unit });
  slowed(miner);
  return { miner, cid: json.cid };
}

function challengeOf(cid: string, now: number) {
  return { cid, nonce_hex: "11".repeat(32), expires_at: Math.floor(now / 1000) + 60 };
}

async function overAuth2(miner: MinerUnderTest, key: TestKey, path: string, body: object): Promise<Answer> {
  const text = JSON.stringify(body);
  const request = { method: "POST", target: path, nonce: BigInt(miner.nonce()) * 1_000_000n, sender: key.hotkey };
  const headers = btauthHeaders({ ...request, receiver: miner.identity.hotkey, body: Buffer.from(text) }, (message) =>
    key.sign(message),
  );
  return miner.call("POST", path, text, headers);
}

const replyKey = toHex(x25519Pair(randomBytes(32)).publicKey);

/** What a stranger may ask about a namespace or a CID, and must be answered alike whether it is there or not. */
const probes: readonly (readonly [string, (miner: MinerUnderTest, name: string, cid: string) => Promise<Answer>])[] = [
  ["query", (miner, name) => miner.namespacePost(eve, name, "QuerySynapse", { query_vector: unit })],
  ["query without a proof", (miner, name) => miner.post("QuerySynapse", { query_vector: unit, namespace: name })],
  [
    "query with a wrong signature",
    (miner, name) =>
      miner.post("QuerySynapse", { query_vector: unit, ...eve.namespace("other", miner.nonce()), namespace: name }),
  ],
  [
    "query by an old key",
    (miner, name) => miner.post("QuerySynapse", { query_vector: unit, namespace: name, namespace_key: "k".repeat(20) }),
  ],
  ["list", (miner, name) => miner.namespacePost(eve, name, "list", {})],
  ["list without a proof", (miner, name) => miner.post("list", { namespace: name })],
  ["retrieve", (miner, _, cid) => miner.retrieve(cid)],
  ["repair", (miner, _, cid) => miner.signedPost(eve, "RepairSynapse", { cid })],
  ["delete", (miner, _, cid) => miner.delete(eve, cid)],
  ["delete in a namespace", (miner, name, cid) => miner.delete(eve, cid, { cid, namespace: name })],
  ["delete unsigned", (miner, _, cid) => miner.call("DELETE", `/retrieve/${encodeURIComponent(cid)}`, "{}")],
  ["challenge", (miner, _, cid) => miner.signedPost(eve, "ChallengeSynapse", challengeOf(cid, miner.clock.time))],
  ["challenge unsigned", (miner, _, cid) => miner.post("ChallengeSynapse", challengeOf(cid, miner.clock.time))],
  [
    "possession",
    (miner, _, cid) => {
      const { cid: _one, ...rest } = challengeOf(cid, miner.clock.time);
      return overAuth2(miner, eve, "/ChallengeSynapse", { ...rest, cids: [cid] });
    },
  ],
  ["prove", (miner, _, cid) => miner.post("prove-memory", { cid, embedding_hash: "ab".repeat(32) })],
  ["attestation", (miner, name) => miner.call("GET", `/attestation/${name}`)],
  ["key share", (miner, name) => overAuth2(miner, eve, "/KeyShareRetrieve", { namespace: name, reply_key: replyKey })],
  ["owner change", (miner, name) => overAuth2(miner, eve, "/NamespaceOwner", { action: "delete", namespace: name })],
];

test.each(probes)("%s: what is there and what is not look alike to a stranger", async (_, ask) => {
  const { miner, cid } = await withPrivateRecord();
  await using _closing = miner;
  const held = await observe(miner, () => ask(miner, HELD, cid));
  const missing = await observe(miner, () => ask(miner, MISSING, MISSING_CID));
  expect(held).toEqual(missing);
});

/** What the owner's own requests show to somebody on the line. */
test("every outcome about a namespace has a bucket's length and comes at a whole step", async () => {
  const { miner, cid } = await withPrivateRecord();
  await using _closing = miner;
  const answers = [
    () => miner.namespacePost(alice, HELD, "QuerySynapse", { query_vector: unit }),
    () => miner.namespacePost(alice, MISSING, "QuerySynapse", { query_vector: unit }),
    () => miner.namespacePost(alice, HELD, "QuerySynapse", { query_vector: [1] }),
    () => miner.namespacePost(alice, HELD, "QuerySynapse", { query_vector: unit, top_k: 0 }),
    () => miner.namespacePost(alice, HELD, "QuerySynapse", { query_vector: unit, filter: { none: 1 } }),
    () => miner.namespacePost(alice, HELD, "list", {}),
    () => miner.namespacePost(alice, HELD, "list", { filter: { none: 1 } }),
    () => miner.namespacePost(alice, MISSING, "list", {}),
    () => miner.namespacePost(alice, HELD, "list", { limit: "many" }),
    () => miner.namespacePost(alice, HELD, "IngestSynapse", { raw_embedding: unit }),
    () => miner.namespacePost(alice, HELD, "IngestSynapse", { raw_embedding: [1] }),
    () => miner.namespacePost(eve, HELD, "IngestSynapse", { raw_embedding: unit }),
    () =>
      miner.post("IngestSynapse", {
        raw_embedding: unit,
        namespace: HELD,
        hotkey: alice.hotkey,
        nonce: 1,
        signature: "0x",
      }),
    () => miner.signedPost(alice, "ChallengeSynapse", challengeOf(cid, miner.clock.time)),
    () =>
      overAuth2(miner, alice, "/ChallengeSynapse", {
        nonce_hex: "11".repeat(32),
        expires_at: Math.floor(miner.clock.time / 1000) + 60,
        cids: [cid],
      }),
    () => overAuth2(miner, alice, "/KeyShareRetrieve", { namespace: HELD, reply_key: replyKey }),
    () => overAuth2(miner, alice, "/KeyShareRetrieve", { namespace: HELD }),
    () => miner.post("KeyShareRetrieve", { namespace: HELD }),
    () => miner.post("AttestNamespace", eve.attestation(HELD, miner.nonce())),
    () => miner.delete(alice, cid, { cid, namespace: HELD }),
    () => miner.delete(alice, cid),
  ];
  for (const [place, ask] of answers.entries()) {
    const seen = await observe(miner, ask);
    expect([1024, 4096, 16_384, 65_536], `answer ${place}`).toContain(seen.length);
    expect(Number.isInteger(seen.steps) && seen.steps >= 1, `answer ${place}: ${seen.steps} steps`).toBe(true);
  }
});

test("the true time of a private query is in no reply and no measure", async () => {
  const { miner } = await withPrivateRecord();
  await using _closing = miner;
  const answer = await miner.namespacePost(alice, HELD, "QuerySynapse", { query_vector: unit });
  expect(answer.json.latency_ms).toBeNull();
  const { text } = await miner.adminCall("GET", "/metrics");
  const sum = Number(/^engram_query_duration_ms_sum (\S+)$/m.exec(text)?.[1]);
  expect(sum).toBeGreaterThan(0);
  expect(sum % 100).toBe(0);
});

test("answers about public records are neither padded nor held back", async () => {
  await using miner = await MinerUnderTest.start();
  const { cid } = (await miner.post("IngestSynapse", { raw_embedding: unit })).json;
  for (const ask of [
    () => miner.post("QuerySynapse", { query_vector: unit }),
    () => miner.post("list", {}),
    () => miner.retrieve(cid),
    () => miner.post("ChallengeSynapse", challengeOf(cid, miner.clock.time)),
  ]) {
    const answer = await ask();
    expect([answer.status, answer.json._p]).toEqual([200, undefined]);
  }
  expect(miner.clock.slept).toEqual([]);
});

test("padding does not break the signature of an auth2 reply", async () => {
  const { miner } = await withPrivateRecord();
  await using _closing = miner;
  const { caller, http, miner: known } = miner.auth2(alice);
  expect(caller).toBeInstanceOf(Auth2Caller);
  const body = JSON.stringify({ action: "delete", namespace: HELD });
  const reply = await caller.post(http, known, "/NamespaceOwner", body, { deadlineMs: 1_000, maxBytes: 20_000 });
  expect([reply.status, reply.text.length]).toEqual([200, 1024]);
});
