import { deepEqual, equal, match, ok, partialDeepStrictEqual } from "node:assert/strict";
import { z } from "zod";
import { embeddingHash } from "../../src/crypto/embedding-hash.ts";
import { MerkleTree, merkleLeaf } from "../../src/crypto/merkle.ts";
import { PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { verifyCommitment, verifyInclusion } from "../../src/node/protocol/commitment.ts";
import { type Answer, MinerUnderTest, sr25519, TestKey } from "../miner/miner-under-test.ts";
import { type Checker, type CheckSession, deviated, type VectorCase } from "./checker.ts";

const signer = z.object({
  suri: z.string(),
  namespace: z.string(),
  ts_offset_ms: z.number().default(0),
});
const requestSigner = z.object({
  suri: z.string(),
  endpoint: z.string(),
  nonce_offset_ms: z.number().default(0),
  tamper: z.record(z.string(), z.string()).default({}),
});
const step = z.object({
  request: z.object({
    method: z.string(),
    path: z.string(),
    body: z.record(z.string(), z.unknown()).optional(),
    raw_body: z.string().optional(),
  }),
  sign_namespace: signer.optional(),
  sign_request: requestSigner.optional(),
  sign_attest: signer.optional(),
  expect: z.object({
    status: z.int(),
    content_type: z.string(),
    json: z.unknown().optional(),
    text: z.string().optional(),
  }),
  volatile: z.array(z.string()).default([]),
});
type Step = z.output<typeof step>;

/** The routes that the reference keeps for its own machine, which has no such thing behind a proxy (M-W21). */
const OPERATOR = /^\/(?:namespace$|wallet-stats|metrics)/;

/** What the recorded replies name. */
const ALICE = "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a";

interface Rule {
  readonly weakness: string;
  /** Decides by the request alone. */
  readonly applies: (step: Step) => boolean;
  /** Throws unless the answer is the stricter one; then does by hand what the reference did, for the steps after it. */
  readonly assert: (answer: Answer, step: Step, miner: MinerUnderTest) => Promise<void> | void;
}

const isPrivate = ({ sign_namespace, request }: Step) =>
  sign_namespace !== undefined || Boolean(request.body?.["namespace"]);

const rules: readonly Rule[] = [
  {
    weakness: "M-W16: anyone reads and writes chat histories",
    applies: ({ request }) => /^\/(?:chat-history|conversations)/.test(request.path),
    assert: (answer) => equal(answer.status, 404),
  },
  {
    weakness: "M-W10: one namespace signature moves key shares, in clear",
    applies: ({ request }) => request.path.startsWith("/KeyShare"),
    assert: (answer) => {
      refused(answer, 401);
      match(answer.json.error, /auth2/);
    },
  },
  {
    weakness: "M-W20: what is malformed ends in 500",
    applies: ({ request: { path, raw_body, body } }) =>
      (raw_body !== undefined && path !== "/RepairSynapse") || Number(body?.["top_k"] ?? 1) > 100,
    assert: (answer) => refused(answer, 400),
  },
  {
    weakness: "M-W11: a wrong signature counts for the hotkey it names",
    applies: ({ sign_request }) => /^(?:0x)?(?:[0-9a-f]{2})+$/i.test(sign_request?.tamper["signature"] ?? ""),
    assert: (answer) => refused(answer, 401),
  },
  {
    weakness: "M-W4: a namespace key in clear text is taken",
    applies: ({ request }) => Boolean(request.body?.["namespace_key"]),
    assert: async (answer, { request }, miner) => {
      const { _p, ...json } = answer.json;
      deepEqual({ ...json, error: "" }, { cid: null, error: "" });
      match(answer.json.error, /namespace_hotkey/);
      if (request.body?.["namespace_key"] !== "long-enough-key-123") return;
      const { raw_embedding, namespace } = request.body as { raw_embedding: number[]; namespace: string };
      await put(miner, namespace, `v1::${"0".repeat(64)}`, raw_embedding);
    },
  },
  {
    weakness: "M-W6: anyone deletes",
    applies: ({ request }) => request.method === "DELETE",
    assert: async (answer, { request, sign_namespace }, miner) => {
      refused(answer, 401);
      if (sign_namespace) return;
      await miner.store.delete(PUBLIC_NAMESPACE, decodeURIComponent(request.path.replace("/retrieve/", "")));
    },
  },
  {
    weakness: "M-W5: another's namespace is told from one that is not there",
    applies: (vector) => vector.request.path === "/list" && vector.sign_namespace?.suri === "//Bob",
    assert: (answer) => refused(answer, 404),
  },
  {
    weakness: "M-W25: the commitment is unsigned, of an older state, or null for want of a library",
    applies: ({ request }) => request.path === "/commitment",
    assert: async (answer, _, miner) => {
      equal(answer.status, 200);
      const { root_hex, count } = await publicTree(miner);
      const { hotkey } = miner.identity;
      const { built_at } = answer.json;
      partialDeepStrictEqual(answer.json, { root_hex, count, hotkey, built_at_ms: Math.round(built_at * 1000) });
      ok(verifyCommitment(sr25519, answer.json));
    },
  },
  {
    weakness: "M-W25: a proof leads to another root than the one shown, or there is none for want of a library",
    applies: ({ request: { path, body } }) =>
      path === "/prove-memory" && Boolean(body?.["cid"]) && /^[0-9a-f]{64}$/.test(String(body?.["embedding_hash"])),
    assert: async (answer, { request }, miner) => {
      const { cid, embedding_hash } = request.body as { cid: string; embedding_hash: string };
      const { root_hex, leaves } = await publicTree(miner);
      if (!leaves.has(merkleLeaf(cid, embedding_hash))) return refused(answer, 404);
      equal(answer.json.root_hex, root_hex);
      ok(verifyInclusion(sr25519, answer.json, { cid, embeddingHash: embedding_hash }));
    },
  },
  {
    weakness: "M-W5: private records are counted before everybody",
    applies: ({ request }) => request.path === "/stats",
    assert: async (answer, vector, miner) => {
      const { count } = await publicTree(miner);
      compare(answer, {
        ...vector,
        expect: { ...vector.expect, json: { ...(vector.expect.json as object), vectors: count } },
      });
    },
  },
  {
    weakness: "M-W24: the time of a private query is told to the millisecond",
    applies: (vector) => vector.request.path === "/QuerySynapse" && isPrivate(vector),
    assert: (answer, vector) => {
      const json = { ...(vector.expect.json as object), latency_ms: null };
      compare(answer, { ...vector, expect: { ...vector.expect, json } });
    },
  },
];

/** The tree over the public records alone, made from scratch: private ones were provable by anyone. */
async function publicTree(miner: MinerUnderTest) {
  const { records } = await miner.store.list({ namespace: PUBLIC_NAMESPACE, limit: 1_000, now: miner.clock.now() });
  const leaves = records.map(({ cid, embedding }) => merkleLeaf(cid, embeddingHash(embedding)));
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.add(leaf);
  return { root_hex: tree.root(), count: tree.count, leaves: new Set(leaves) };
}

function refused(answer: Answer, status: number): void {
  equal(answer.status, status);
  match(answer.json.error, /.{8}/);
}

/** Replays a recorded run of the reference, step by step, on one miner. */
export const httpTranscript: Checker = {
  lists: ["cases"],
  open: async () => {
    const miner = await MinerUnderTest.start();
    const neuron = { uid: 0, coldkey: miner.identity.hotkey, endpoint: null, validatorPermit: false };
    miner.chain.neurons = [{ ...neuron, hotkey: miner.identity.hotkey, stakeTao: 0, incentive: 1 }];
    await put(miner, PUBLIC_NAMESPACE, "v1::gt", [1, 0, 0, 0, 0, 0, 0, 0]);
    const keys = new Map<string, TestKey>();
    return session(miner, (vector) => replay(miner, keys, step.parse(vector)));
  },
};

async function replay(miner: MinerUnderTest, keys: Map<string, TestKey>, vector: Step) {
  const { request } = vector;
  if (request.path === "/metagraph") forgetNeurons(miner);
  const answer = OPERATOR.test(request.path)
    ? await miner.adminCall(request.method, request.path, request.body)
    : await miner.call(request.method, request.path, textOf(miner, keys, vector));
  const rule = rules.find((candidate) => candidate.applies(vector));
  if (!rule) return compare(answer, vector);
  await rule.assert(answer, vector, miner);
  return deviated(rule.weakness);
}

/** The recorded metagraph is empty, whatever the statistics before it said; what was read before must not count. */
function forgetNeurons(miner: MinerUnderTest): void {
  miner.chain.neurons = [];
  miner.clock.time += 3_600_000;
}

/** The body to send, signed by whom the step names. */
function textOf(miner: MinerUnderTest, keys: Map<string, TestKey>, { request, ...by }: Step): string | undefined {
  if (request.raw_body !== undefined || request.body === undefined) return request.raw_body;
  const { sign_namespace, sign_request, sign_attest } = by;
  const keyOf = (suri: string) => {
    const key = keys.get(suri) ?? (suri === "//Alice" ? new TestKey(Buffer.from(ALICE, "hex")) : new TestKey());
    keys.set(suri, key);
    return key;
  };
  const time = (offset: number) => (offset === 0 ? miner.nonce() : miner.clock.now() + offset);
  const proof = sign_namespace
    ? keyOf(sign_namespace.suri).namespace(sign_namespace.namespace, time(sign_namespace.ts_offset_ms))
    : {};
  const attested = sign_attest
    ? keyOf(sign_attest.suri).attestation(sign_attest.namespace, time(sign_attest.ts_offset_ms))
    : {};
  const text = JSON.stringify({ ...request.body, ...proof, ...attested }).replace(
    /"\$NOW\+(\d+)"/g,
    (_, seconds: string) => String(Math.floor(miner.clock.now() / 1000) + Number(seconds)),
  );
  if (!sign_request) return text;
  const { suri, endpoint, nonce_offset_ms, tamper } = sign_request;
  return JSON.stringify({ ...JSON.parse(keyOf(suri).signed(endpoint, text, time(nonce_offset_ms))), ...tamper });
}

/**
 * Status, type and JSON as recorded; `<text>` is any sentence, volatile values any value, `caps` and `next` are
 * ours, and so is the padding of private replies other than a query's.
 */
function compare(answer: Answer, { expect, volatile }: Step): void {
  equal(answer.status, expect.status);
  equal(answer.headers.get("content-type"), expect.content_type);
  ok(answer.text.length > 0);
  if (expect.json === undefined) return;
  const { caps: _, next: __, ...json } = answer.json as Record<string, unknown>;
  const expected = expect.json as Record<string, unknown>;
  if (json["_p"] !== undefined) equal(answer.text.length, 1024);
  if (expected["_p"] === undefined) delete json["_p"];
  for (const path of [...volatile, "/_p"]) for (const side of [json, expected]) blank(side, path.split("/").slice(1));
  sameShape(json, expected);
}

function sameShape(actual: unknown, expected: unknown): void {
  if (expected === "<text>") match(String(actual), /.{8}/);
  else if (typeof expected !== "object" || expected === null) equal(actual, expected);
  else {
    ok(typeof actual === "object" && actual !== null, `expected an object, got ${String(actual)}`);
    deepEqual(Object.keys(actual), Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) sameShape((actual as Record<string, unknown>)[key], value);
  }
}

function blank(target: unknown, [key, ...rest]: readonly string[]): void {
  if (typeof target !== "object" || target === null || key === undefined) return;
  const object = target as Record<string, unknown>;
  for (const name of key === "*" ? Object.keys(object) : [key]) {
    if (rest.length > 0) blank(object[name], rest);
    else if (name in object) object[name] = "volatile";
  }
}

const sdkCase = z.object({
  requests: z.array(
    z.object({
      method: z.string(),
      path: z.string(),
      body_text: z.string().optional(),
      body: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

/** What the reference's client sends, sent to our miner: it must be taken, but where taking it is the weakness. */
export const sdkRequests: Checker = {
  lists: ["cases"],
  open: async () => {
    const miner = await MinerUnderTest.start({}, 4);
    const key = new TestKey();
    return session(miner, async (vector) => {
      const outcomes = [];
      for (const request of sdkCase.parse(vector).requests) {
        const text = request.body_text ?? resigned(miner, key, request.path, request.body ?? {});
        const answer = await miner.call(request.method, request.path, text === "" ? undefined : text);
        outcomes.push(taken(answer, request));
      }
      return outcomes.find((outcome) => outcome !== undefined);
    });
  },
};

/** The body with signatures that are fresh: the recorded ones are random and of another time. */
function resigned(miner: MinerUnderTest, key: TestKey, path: string, body: Readonly<Record<string, unknown>>): string {
  const { hotkey, nonce: _, signature: __, ...rest } = body;
  const namespace = typeof body["namespace"] === "string" ? key.namespace(body["namespace"], miner.nonce()) : {};
  const text = JSON.stringify({ ...rest, ...namespace });
  return hotkey === undefined ? text : key.signed(path.slice(1), text, miner.nonce());
}

function taken(answer: Answer, { method, path, body }: z.output<typeof sdkCase>["requests"][number]) {
  if (method === "DELETE") {
    refused(answer, 401);
    return deviated("M-W6: a delete without a signature");
  }
  if (body?.["namespace_key"] !== undefined) {
    match(answer.json.error, /namespace_hotkey/);
    return deviated("M-W4: a namespace key in clear text");
  }
  // The reference's client lists a namespace without proof, and is refused by its own miner too (M-W38).
  if (path === "/list" && body?.["namespace"] !== undefined) return equal(answer.status, 403);
  if (path.startsWith("/retrieve/")) return equal(answer.status, 404);
  equal(answer.status, 200);
  equal(answer.json.error ?? null, null);
}

async function put(miner: MinerUnderTest, namespace: string, cid: string, embedding: readonly number[]) {
  const record = { namespace, cid, embedding: Float32Array.from(embedding), metadata: "{}" };
  await miner.store.put([{ ...record, ingestedBy: null, createdAt: miner.clock.now(), expiresAt: null }]);
}

function session(miner: MinerUnderTest, check: (vector: VectorCase) => unknown): CheckSession {
  return { check, [Symbol.asyncDispose]: () => miner[Symbol.asyncDispose]() };
}
