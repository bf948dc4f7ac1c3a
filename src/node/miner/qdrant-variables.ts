import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { Secret } from "../runtime/secret.ts";
import { parseQdrantUrl } from "../vectors/qdrant/qdrant-address.ts";
import type { QdrantSettings } from "../vectors/qdrant/qdrant-vector-store.ts";

const whole = z.coerce.number("must be a number").int("must be a whole number");

/** Names of the reference (spec 13), and `QDRANT_URL` in place of its host and port. */
export const qdrantVariables = z.object({
  QDRANT_URL: z.string().optional(),
  QDRANT_API_KEY: z
    .string()
    .transform((key) => new Secret(key))
    .optional(),
  QDRANT_COLLECTION: z
    .string()
    .regex(/^[\w.-]{1,255}$/, "must be letters, digits, dots, dashes and underscores")
    .default("engram"),
  QDRANT_HNSW_EF: whole.min(1).max(10_000).optional(),
  QDRANT_SHARDS: whole.min(1).max(1_024).optional(),
  QDRANT_REPLICATION_FACTOR: whole.min(1).max(16).optional(),
  VECTOR_STORE_BACKEND: z.string().optional(),
  QDRANT_HOST: z.string().default("localhost"),
  QDRANT_PORT: whole.min(1).max(65_535).default(6_333),
});

/**
 * Undefined when records are searched in memory. The reference's `VECTOR_STORE_BACKEND=qdrant` counts as its host and
 * port did. Throws `CONFIG_INVALID`.
 */
export function qdrantSettings(variables: z.output<typeof qdrantVariables>): QdrantSettings | undefined {
  const { QDRANT_URL, QDRANT_API_KEY, QDRANT_COLLECTION, QDRANT_HNSW_EF, QDRANT_HOST, QDRANT_PORT } = variables;
  const { QDRANT_SHARDS, QDRANT_REPLICATION_FACTOR } = variables;
  const backend = variables.VECTOR_STORE_BACKEND;
  if (backend !== undefined && backend !== "faiss" && backend !== "qdrant") {
    throw new EngramError("CONFIG_INVALID", "VECTOR_STORE_BACKEND must be faiss or qdrant", {
      fix: "leave it out, and set QDRANT_URL to use Qdrant",
    });
  }
  const url = QDRANT_URL ?? (backend === "qdrant" ? `http://${QDRANT_HOST}:${QDRANT_PORT}` : undefined);
  if (url === undefined) return undefined;
  parseQdrantUrl(url);
  return {
    url,
    collection: QDRANT_COLLECTION,
    ...(QDRANT_API_KEY === undefined ? {} : { apiKey: QDRANT_API_KEY }),
    ...(QDRANT_HNSW_EF === undefined ? {} : { hnswEf: QDRANT_HNSW_EF }),
    ...(QDRANT_SHARDS === undefined ? {} : { shards: QDRANT_SHARDS }),
    ...(QDRANT_REPLICATION_FACTOR === undefined ? {} : { replicas: QDRANT_REPLICATION_FACTOR }),
  };
}
