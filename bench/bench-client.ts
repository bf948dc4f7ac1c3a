import type { MemoryClient } from "../src/node/client/memory.ts";
import { openMemoryClient } from "../src/node/client/open-client.ts";
import { createLogger } from "../src/node/runtime/logger.ts";

/** The product's own client on `home`, with its real model and real disk, quiet. */
export async function openBenchClient(home: string): Promise<MemoryClient> {
  return openMemoryClient({ home, log: createLogger({ level: "error" }) });
}
