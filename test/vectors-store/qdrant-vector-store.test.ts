import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { QdrantVectorStore } from "../../src/node/vectors/qdrant/qdrant-vector-store.ts";
import { type VectorStoreUnderTest, vectorStoreCompliance } from "../compliance/vector-store.ts";
import { TestQdrant } from "../support/qdrant-server.ts";

async function underTest(url: string, apiKey: string | undefined, release: () => Promise<unknown>) {
  const folder = await mkdtemp(join(tmpdir(), "engram-qdrant-"));
  const collection = `engram-test-${randomUUID()}`;
  return {
    open: ({ now }) =>
      new QdrantVectorStore({
        path: join(folder, "records.db"),
        clock: { ...systemClock, now },
        url,
        collection,
        ...(apiKey === undefined ? {} : { apiKey: new Secret(apiKey) }),
      }),
    [Symbol.asyncDispose]: async () => {
      const headers = apiKey === undefined ? {} : { "api-key": apiKey };
      await fetch(`${url}/collections/${collection}`, { method: "DELETE", headers });
      await release();
      await rm(folder, { recursive: true });
    },
  } satisfies VectorStoreUnderTest;
}

vectorStoreCompliance("QdrantVectorStore", async () => {
  const server = await TestQdrant.start();
  return await underTest(server.url, undefined, () => server[Symbol.asyncDispose]());
});

// The same on a real Qdrant: QDRANT_TEST_URL=http://127.0.0.1:6333 npx vitest run test/vectors-store/qdrant-vector-store
const { QDRANT_TEST_URL: realUrl, QDRANT_TEST_API_KEY: realKey } = process.env;
if (realUrl !== undefined) {
  vectorStoreCompliance("a real Qdrant", () => underTest(realUrl, realKey, async () => undefined));
}
