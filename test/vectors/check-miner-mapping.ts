import { deepEqual, equal, throws } from "node:assert/strict";
import { z } from "zod";
import { isSubnetObject, toPlain } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { RateLimiter } from "../../src/node/miner/rate-limiter.ts";
import type { NamespaceClaim } from "../../src/node/protocol/namespace-claim.ts";
import { Refusal } from "../../src/node/protocol/refusal.ts";
import { readIngestRequest, readQueryRequest } from "../../src/node/protocol/requests.ts";
import { checker } from "./checker.ts";

const mappingCase = z.object({
  kind: z.enum(["ingest", "query"]),
  body_json: z.string(),
  ok: z.boolean(),
  fields: z.record(z.string(), z.unknown()).optional(),
});

/** Bodies to requests (spec 7, 8.1, 8.2). What the reference answers with 500 must be a 400 (M-W20). */
export const bodyMapping = checker((vector) => {
  const { kind, body_json, ok, fields } = mappingCase.parse(vector);
  const body = readSubnetJson(body_json);
  if (!isSubnetObject(body)) throw new Error("the case's body is no object");
  const read = () => (kind === "ingest" ? ingestFields(body) : queryFields(body));
  if (ok) deepEqual(read(), visible(fields));
  else throws(read, (error: unknown) => error instanceof Refusal && error.status === 400);
});

type Body = Parameters<typeof readIngestRequest>[0];

function ingestFields(body: Body) {
  const request = readIngestRequest(body);
  return {
    text: request.text ?? null,
    raw_embedding: request.rawEmbedding ?? null,
    metadata: Object.assign({}, toPlain(request.metadata)),
    model_version: request.modelVersion,
    ...claimFields(request.claim),
  };
}

function queryFields(body: Body) {
  const request = readQueryRequest(body);
  return {
    query_text: request.queryText ?? null,
    query_vector: request.queryVector ?? null,
    top_k: request.topK,
    ...claimFields(request.claim),
  };
}

function claimFields(claim: NamespaceClaim | undefined) {
  return {
    namespace: claim?.name ?? null,
    namespace_hotkey: claim?.hotkey ?? null,
    namespace_sig: claim?.signature ?? null,
    namespace_timestamp_ms: claim?.timestampMs === undefined ? null : Number(claim.timestampMs),
    namespace_key: claim?.legacyKey ? "sent" : null,
  };
}

/** The expected fields as far as a request keeps them: without a namespace its proof means nothing. */
function visible(fields: Readonly<Record<string, unknown>> = {}) {
  const isPrivate = fields["namespace"] !== null;
  const entries = Object.entries(fields).map(([key, value]): [string, unknown] => {
    if (!key.startsWith("namespace_")) return [key, value];
    if (!isPrivate || value === null) return [key, null];
    return [key, key === "namespace_key" ? "sent" : value];
  });
  return Object.fromEntries(entries);
}

const limiterCase = z.object({
  max_requests: z.int(),
  window_secs: z.number(),
  t: z.array(z.number()),
  allowed: z.array(z.boolean()),
});

/** spec 9.3. */
export const rateLimiter = checker((vector) => {
  const { max_requests, window_secs, t, allowed } = limiterCase.parse(vector);
  const limiter = new RateLimiter({ maxRequests: max_requests, windowMs: window_secs * 1000, maxKeys: 10 });
  deepEqual(
    t.map((seconds) => limiter.take("key", seconds * 1000) === 0),
    allowed,
  );
  equal(limiter.take("another key", 0), 0);
});
