import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, vi } from "vitest";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { vectorStoreCompliance } from "../compliance/vector-store.ts";

describe.each(["kernel", "plain"])("ENGRAM_SCAN=%s", (mode) => {
  beforeAll(() => {
    vi.stubEnv("ENGRAM_SCAN", mode);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  vectorStoreCompliance("EmbeddedVectorStore", async () => {
    const folder = await mkdtemp(join(tmpdir(), "engram-vectors-"));
    return {
      open: ({ now }) =>
        new EmbeddedVectorStore({ path: join(folder, "records.db"), clock: { now, sleep: async () => undefined } }),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  });
});
