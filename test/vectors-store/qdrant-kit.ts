import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ScoredRecord } from "../../src/node/ports.ts";
import { QdrantVectorStore, type QdrantVectorStoreOptions } from "../../src/node/vectors/qdrant/qdrant-vector-store.ts";
import { TestQdrant, type TestQdrantOptions } from "../support/qdrant-server.ts";
import { SPACE, sampleVector } from "./sample-records.ts";

export const COLLECTION = "engram";

/** A folder with records and a Qdrant that can fail, and the stores opened on them. */
export class QdrantUnderTest implements AsyncDisposable {
  readonly folder: string;
  readonly server: TestQdrant;
  readonly #stores: QdrantVectorStore[] = [];

  private constructor(folder: string, server: TestQdrant) {
    this.folder = folder;
    this.server = server;
  }

  static async start(options: TestQdrantOptions = {}): Promise<QdrantUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), "engram-qdrant-"));
    return new QdrantUnderTest(folder, await TestQdrant.start(options));
  }

  get path(): string {
    return join(this.folder, "records.db");
  }

  open(options: Partial<QdrantVectorStoreOptions> = {}): QdrantVectorStore {
    const { path } = this;
    const store = new QdrantVectorStore({ path, url: this.server.url, collection: COLLECTION, ...options });
    this.#stores.push(store);
    return store;
  }

  /** Ids of the points in Qdrant, but the marker. */
  points(): (number | string)[] {
    if (!this.server.collections.exists(COLLECTION)) return [];
    const ids = this.server.collections.points(COLLECTION).map(({ id }) => id);
    return ids.filter((id) => id !== 0).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

/** CIDs of everything in the namespace that a search finds. */
export async function found(store: QdrantVectorStore, namespace = SPACE): Promise<string[]> {
  const hits = await store.search({ namespace, vector: sampleVector(1), limit: 10_000, now: Date.now() });
  return cids(hits).sort();
}

export function cids(hits: readonly Pick<ScoredRecord, "cid">[]): string[] {
  return hits.map(({ cid }) => cid);
}

/** Asks again while the index is away or being mended. */
export async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (!/^VECTOR_INDEX_(DOWN|BUILDING|LOST)$/.test(code) || attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
