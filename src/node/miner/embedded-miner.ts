import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient, Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { ReleaseStack } from "../runtime/release-stack.ts";
import { startExpiryLoop } from "./expiry-loop.ts";
import { createMinerApp } from "./miner-app.ts";
import { openMinerFolder } from "./miner-folder.ts";
import { defaultMinerOptions } from "./miner-options.ts";

export interface EmbeddedMinerDeps {
  /** Not closed by the miner. */
  readonly embedder: Embedder;
  /** Not closed by the miner. */
  readonly chain: ChainClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A miner in its caller's process: the same routes as over TCP, without a socket. */
export interface EmbeddedMiner extends AsyncDisposable {
  readonly hotkey: Hotkey;
  readonly fetch: (request: Request) => Promise<Response>;
}

/** Opens the miner whose records and identity are in `folder`; several processes may do so at once. */
export async function openEmbeddedMiner(folder: string, deps: EmbeddedMinerDeps): Promise<EmbeddedMiner> {
  await using stack = new ReleaseStack();
  const opened = await openMinerFolder(folder, deps.clock);
  stack.use(opened.store);
  stack.use(opened.commitments);
  stack.use(opened.shares);
  stack.use(startExpiryLoop({ ...deps, store: opened.store }));
  const app = createMinerApp(defaultMinerOptions, { ...deps, ...opened });
  const release = stack.move();
  return {
    hotkey: opened.identity.hotkey,
    fetch: async (request) => app.fetch(request),
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}
