import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { EmbeddedVectorStore } from "../vectors/embedded/embedded-vector-store.ts";
import type { QdrantSettings } from "../vectors/qdrant/qdrant-vector-store.ts";

export interface RecordStoreDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Numbers in the miner's vectors. */
  readonly dimension: number;
}

/**
 * The records in the file `path`, searched by Qdrant when settings for it are given, else in memory; the file is the same,
 * and a miner may change from one to the other. Errors: those of `QdrantVectorStore.start`.
 */
export async function openRecordStore(
  path: string,
  qdrant: QdrantSettings | undefined,
  { clock, logger, dimension }: RecordStoreDeps,
): Promise<EmbeddedVectorStore> {
  if (qdrant === undefined) return new EmbeddedVectorStore({ path, clock });
  const { QdrantVectorStore } = await import("../vectors/qdrant/qdrant-vector-store.ts");
  const store = new QdrantVectorStore({ ...qdrant, path, clock, dimension, logLevel: logger.level });
  try {
    await store.start();
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}
