import { join } from "node:path";
import type { MemoryClient } from "./client/memory.ts";
import { type OpenClientOptions, openMemoryClient } from "./client/open-client.ts";
import { parseMinerList } from "./client/replication/miner-list.ts";
import { openReplication } from "./client/replication/open-replication.ts";
import type { Embedder } from "./ports.ts";

export interface OpenEngramOptions extends Omit<OpenClientOptions, "replication"> {
  /** As in ENGRAM_MINERS: `hotkey@url`, separated by commas. Without any: the chain's, else one in this process. */
  readonly miners?: string;
  /**
   * Of the miner in this process, where it is not the client's; closed with it. Its file holds vectors of one dimension for
   * good, whichever model the client goes over to.
   */
  readonly minerEmbedder?: Embedder;
  /** See `ReplicationOptions`: those miners republish private records and cannot delete them. Default false. */
  readonly privateOnReferenceMiners?: boolean;
}

/**
 * The whole of it in one process: the memory client, its replication, and, where no remote miner is known, an embedded
 * miner with files and an identity of its own. Client and miner meet here alone. Errors: `MINERS_INVALID`.
 */
export function openEngram(options: OpenEngramOptions): MemoryClient {
  const { miners = "", privateOnReferenceMiners = false, minerEmbedder, ...client } = options;
  return openMemoryClient({
    ...client,
    replication: openReplication({
      miners: parseMinerList(miners),
      privateOnReferenceMiners,
      embedded: async ({ home, embedder, chain, clock, log }) => {
        const { openEmbeddedMiner } = await import("./miner/embedded-miner.ts");
        const deps = { embedder: minerEmbedder ?? embedder, chain: chain(), clock, logger: log };
        const miner = await openEmbeddedMiner(join(home, "miner"), deps);
        if (!minerEmbedder) return miner;
        const close = async () => {
          await miner[Symbol.asyncDispose]();
          await minerEmbedder[Symbol.asyncDispose]();
        };
        return { ...miner, [Symbol.asyncDispose]: close };
      },
    }),
  });
}
