import { join } from "node:path";
import { EngramError } from "../../../crypto/errors.ts";
import { loadSr25519 } from "../../../crypto/sr25519.ts";
import { Auth2Gate } from "../../protocol/auth2-gate.ts";
import type { Clock } from "../../runtime/clock.ts";
import { startHttpServer } from "../../runtime/http-server.ts";
import type { Logger } from "../../runtime/logger.ts";
import { ReleaseStack } from "../../runtime/release-stack.ts";
import { isLoopback } from "../loopback.ts";
import { openWallet } from "../wallet.ts";
import { createChainApp } from "./chain-app.ts";
import { LocalChain } from "./local-chain.ts";
import type { LocalChainSettings } from "./local-chain-settings.ts";

export interface ServeLocalChainOptions {
  /** The chain's own folder: its file and the hotkey it answers with. */
  readonly folder: string;
  readonly hostname: string;
  readonly port: number;
  /** Of a chain that is new. */
  readonly settings: LocalChainSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ServedLocalChain extends AsyncDisposable {
  readonly identity: string;
  readonly url: string;
  /** What `ENGRAM_CHAIN` is set to in processes that share this chain: `local:URL#ID`. */
  readonly setting: string;
  /** The chain itself, for whoever runs it in process. */
  readonly chain: LocalChain;
}

/**
 * Serves a local chain to other processes of this machine. Errors: `CHAIN_LOCAL_REFUSED` beyond loopback,
 * `HTTP_LISTEN`, and those of the folder's file and wallet.
 */
export async function serveLocalChain(options: ServeLocalChainOptions): Promise<ServedLocalChain> {
  const { folder, hostname, port, settings, clock, logger } = options;
  if (!isLoopback(hostname)) {
    throw new EngramError("CHAIN_LOCAL_REFUSED", "the simulated chain serves this machine alone", {
      fix: "listen on 127.0.0.1",
    });
  }
  await using stack = new ReleaseStack();
  const [wallet, sr25519] = await Promise.all([openWallet(join(folder, "identity")), loadSr25519()]);
  const chain = stack.use(new LocalChain({ path: join(folder, "chain.db"), settings, clock }));
  const identity = await chain.identity();
  const stop = new AbortController();
  const gate = new Auth2Gate({ identity: wallet, sr25519, clock });
  const app = createChainApp({ chain, hotkey: wallet.hotkey, gate, logger, stopping: stop.signal });
  const server = stack.use(await startHttpServer({ hostname, port, handler: (request) => app.fetch(request) }));
  stack.defer(() => stop.abort(new Error("the chain stops")));
  const release = stack.move();
  return {
    identity,
    url: server.url,
    setting: `local:${server.url}#${identity.slice("local:".length)}`,
    chain,
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}
