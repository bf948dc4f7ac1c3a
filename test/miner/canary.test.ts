import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { btauthHeaders } from "../../src/crypto/btauth.ts";
import { legacyKeyVerifier } from "../../src/crypto/legacy-namespace-key.ts";
import { pythonFloat } from "../../src/crypto/python-text.ts";
import { type Answer, MinerUnderTest, TestKey } from "./miner-under-test.ts";

/** Probes over all nodes; another number on another machine. */
const probes = Number(process.env["ENGRAM_CANARY_PROBES"] ?? 10_000);
const NODES = 3;
const OWNERS = 3;
const RECORDS = 4;

/** A private record, and what of it nobody else may ever see. */
interface Canary {
  readonly namespace: string;
  readonly owner: string;
  readonly cid: string;
  readonly vector: readonly number[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Its CID, its namespace's name, its metadata, each number of its vector. */
  readonly secrets: readonly string[];
}

interface Node {
  readonly miner: MinerUnderTest;
  readonly canaries: readonly Canary[];
  /** The body of a list by each owner that this node has answered already. */
  readonly captured: readonly object[];
}

const nodes: Node[] = [];
const stranger = new TestKey();
const alice = new TestKey();

beforeAll(async () => {
  for (let n = 0; n < NODES; n += 1) nodes.push(await openNode());
}, 60_000);
afterAll(async () => {
  for (const { miner } of nodes) await miner[Symbol.asyncDispose]();
});

/** A node with public records, and private ones of several owners, one of them of the old scheme. */
async function openNode(): Promise<Node> {
  const miner = await MinerUnderTest.start();
  const canaries: Canary[] = [];
  const captured: object[] = [];
  for (const owner of [alice, ...Array.from({ length: OWNERS - 1 }, () => new TestKey())]) {
    const namespace = `n${randomBytes(20).toString("hex")}`;
    for (let r = 0; r < RECORDS; r += 1) {
      const { vector, metadata } = content("PRIVATE");
      const body = { raw_embedding: vector, metadata };
      const { cid } = (await miner.namespacePost(owner, namespace, "IngestSynapse", body)).json;
      canaries.push(canaryOf({ namespace, owner: owner.hotkey, cid, vector, metadata }));
    }
    const proof = owner.namespace(namespace, miner.nonce());
    expect((await miner.signedPost(owner, "list", proof)).json.count).toBe(RECORDS);
    captured.push(proof);
  }
  canaries.push(await oldCanary(miner));
  for (let p = 0; p < 20; p += 1) {
    const { vector, metadata } = content("PUBLIC");
    await miner.signedPost(alice, "IngestSynapse", { raw_embedding: vector, metadata });
  }
  return { miner, canaries, captured };
}

async function oldCanary(miner: MinerUnderTest): Promise<Canary> {
  const namespace = `old_${randomBytes(8).toString("hex")}`;
  await miner.store.namespaces.createKeyed(namespace, await legacyKeyVerifier("a key of the old scheme", namespace), 1);
  const { vector, metadata } = content("PRIVATE");
  const cid = `v1::${randomBytes(32).toString("hex")}`;
  const record = { namespace, cid, embedding: Float32Array.from(vector), metadata: JSON.stringify(metadata) };
  await miner.store.put([{ ...record, ingestedBy: null, createdAt: miner.clock.now(), expiresAt: null }]);
  return canaryOf({ namespace, owner: alice.hotkey, cid, vector, metadata });
}

function content(kind: string) {
  const vector = Array.from(Float32Array.from({ length: 8 }, () => Math.random() + 0.001));
  return { vector, metadata: { _enc: `${kind}-${randomBytes(16).toString("hex")}` } };
}

function canaryOf(facts: Omit<Canary, "secrets">): Canary {
  const { cid, namespace, vector, metadata } = facts;
  return { ...facts, secrets: [cid, namespace, ...Object.values(metadata), ...vector.map(pythonFloat)] };
}

/** Fields that go together; somebody may know all of a private record but its keys. */
const GROUPS = [
  ...[["cid"], ["cid", "namespace"], ["cids", "nonce_hex", "expires_at"], ["cid", "embedding_hash"]],
  ...[
    ["cid", "nonce_hex", "expires_at", "validator_hotkey_hex"],
    ["text", "cid_override"],
    ["text", "namespace"],
  ],
  ...[
    ["query_vector", "top_k"],
    ["query_vector", "filter"],
    ["query_text", "top_k"],
    ["query_vector", "namespace"],
  ],
  ...[
    ["query_vector", "namespace", "namespace_key"],
    ["query_vector", "hotkey"],
    ["namespace", "reply_key"],
  ],
  ...[["limit"], ["limit", "filter"], ["limit", "offset", "after"], ["limit", "namespace"], ["limit", "hotkey"]],
  ...[["action"], ["action", "namespace", "key"], ["action", "namespace", "new_hotkey", "new_signature"], []],
];

const probe = fc.record({
  node: fc.nat(NODES - 1),
  canary: fc.nat(),
  route: fc.nat(),
  fields: fc.constantFrom(...GROUPS),
  action: fc.constantFrom("list", "create", "delete", "rotate"),
  // Nobody, a stranger's signatures of each kind, and what an owner was heard to say.
  as: fc.constantFrom("nobody", "nobody", "nobody", "signed", "namespace", "auth2", "captured"),
  at: fc.constantFrom("cid", "namespace", "owner", "id", ".."),
});
type Probe = typeof probe extends fc.Arbitrary<infer T> ? T : never;

function bodyOf({ fields, action, as, canary: index }: Probe, { miner, captured }: Node, canary: Canary): object {
  const { cid, vector, metadata, namespace, owner } = canary;
  const known: Readonly<Record<string, unknown>> = {
    ...{ cid, cids: [cid], cid_override: cid, namespace, hotkey: owner, action, filter: metadata },
    ...{ query_vector: vector, query_text: "x", text: "x", top_k: 100, limit: 200, offset: 0, after: "0" },
    ...{ nonce_hex: "00".repeat(32), validator_hotkey_hex: "00".repeat(32), embedding_hash: "ab".repeat(32) },
    ...{ expires_at: Math.floor(miner.clock.now() / 1000) + 600, reply_key: "ab".repeat(32) },
    ...{ namespace_key: "sixteen letters!", key: "sixteen letters!" },
    ...{ new_hotkey: stranger.hotkey, new_signature: "00".repeat(64) },
  };
  const body = Object.fromEntries(fields.map((field) => [field, known[field]]));
  if (as === "namespace") return { ...body, ...stranger.namespace(namespace, miner.nonce()) };
  if (as === "captured") return { ...body, ...captured[index % captured.length] };
  return body;
}

/** Sends it; tells what was sent and what came back. */
async function send(call: Probe): Promise<{ readonly sent: string; readonly answer: Answer }> {
  const node = nodes[call.node] as Node;
  const { miner, canaries } = node;
  const canary = canaries[call.canary % canaries.length] as Canary;
  const routes = miner.routes();
  const [method = "", pattern = ""] = (routes[call.route % routes.length] ?? "").split(" ");
  const variable = { cid: canary.cid, namespace: canary.namespace, owner: canary.owner, id: "1", "..": ".." }[call.at];
  const path = pattern.replace(/\{\w+\}/, encodeURIComponent(variable));
  if (method === "GET") return { sent: decodeURIComponent(path), answer: await miner.call(method, path) };
  let text = JSON.stringify(bodyOf(call, node, canary));
  const endpoint = method === "DELETE" ? "DeleteSynapse" : path.slice(1);
  if (call.as === "signed" && !text.includes('"hotkey"')) text = stranger.signed(endpoint, text, miner.nonce());
  const headers = call.as === "auth2" ? strangersHeaders(miner, path, text) : {};
  return { sent: decodeURIComponent(path) + text, answer: await miner.call(method, path, text, headers) };
}

function strangersHeaders(miner: MinerUnderTest, target: string, text: string): Readonly<Record<string, string>> {
  const request = { method: "POST", target, sender: stranger.hotkey, receiver: miner.identity.hotkey };
  const nonce = BigInt(miner.nonce()) * 1_000_000n;
  return btauthHeaders({ ...request, nonce, body: Buffer.from(text) }, (message) => stranger.sign(message));
}

/** Secrets in the reply that the probe itself did not hold. */
function leaked({ sent, answer }: Awaited<ReturnType<typeof send>>): readonly string[] {
  const heard = `${answer.text}${JSON.stringify([...answer.headers])}`;
  const all = nodes.flatMap(({ canaries }) => canaries.flatMap(({ secrets }) => secrets));
  return all.filter((secret) => heard.includes(secret) && !sent.includes(secret));
}

test(`${probes} probes without a key, over every route of ${NODES} nodes, learn nothing private`, {
  timeout: 60_000 + probes * 20,
}, async () => {
  const seen = new Set<string>();
  const statuses = new Set<number>();
  let publicHits = 0;
  for (const call of fc.sample(probe, probes)) {
    const exchange = await send(call);
    expect(leaked(exchange), exchange.sent).toEqual([]);
    expect(exchange.answer.status, exchange.sent).toBeLessThan(500);
    if (exchange.answer.text.includes("PUBLIC-")) publicHits += 1;
    statuses.add(exchange.answer.status);
    seen.add(`${call.node} ${call.route % (nodes[0] as Node).miner.routes().length}`);
  }
  const routes = (nodes[0] as Node).miner.routes().length;
  if (probes >= 5_000) expect(seen.size).toBe(NODES * routes);
  // The probes were not all refused at the door.
  expect(publicHits).toBeGreaterThan(probes / 100);
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 401, 403, 404]));
});

test("the same look finds what is private when its owner asks, and nothing was lost meanwhile", async () => {
  for (const { miner, canaries } of nodes) {
    const own = canaries.filter(({ owner, namespace }) => owner === alice.hotkey && namespace.startsWith("n"));
    expect(own).toHaveLength(RECORDS);
    const answer = await miner.namespacePost(alice, own[0]?.namespace ?? "", "list", {});
    const heard = leaked({ sent: "", answer });
    expect(heard).toEqual(
      expect.arrayContaining(own.flatMap(({ cid, metadata }) => [cid, ...Object.values(metadata)])),
    );
    for (const { namespace, cid } of canaries) {
      expect((await miner.store.locate(cid)).map((record) => record.namespace)).toEqual([namespace]);
    }
  }
});
