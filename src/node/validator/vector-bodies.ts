import { type PreparedBody, prepareRequestBody } from "../../crypto/request-auth.ts";
import { RECALL_K } from "./scoring.ts";

interface IngestBody {
  readonly expiresAt: number | undefined;
  readonly prepared: PreparedBody;
}

/** For as long as somebody has the vector: a round sends the same few to every miner. */
const ingests = new WeakMap<Float32Array, IngestBody>();
const queries = new WeakMap<Float32Array, PreparedBody>();

/** The body that asks to store a vector without metadata, until `expiresAt` (unix milliseconds). */
export function ingestBody(embedding: Float32Array, expiresAt: number | undefined): PreparedBody {
  const kept = ingests.get(embedding);
  if (kept && kept.expiresAt === expiresAt) return kept.prepared;
  const life = expiresAt === undefined ? {} : { expires_at: Math.floor(expiresAt / 1000) };
  const prepared = preparedBody({ raw_embedding: Array.from(embedding), metadata: {}, ...life });
  ingests.set(embedding, { expiresAt, prepared });
  return prepared;
}

export function queryBody(vector: Float32Array): PreparedBody {
  const kept = queries.get(vector) ?? preparedBody({ query_vector: Array.from(vector), top_k: RECALL_K });
  queries.set(vector, kept);
  return kept;
}

export function preparedBody(fields: object): PreparedBody {
  return prepareRequestBody(JSON.stringify(fields));
}
