import { openChain } from "../node/chain/open-chain.ts";
import { openWallet } from "../node/chain/wallet.ts";
import { walletFolder } from "../node/client/open-client.ts";
import { readEnvironment } from "../node/runtime/config.ts";
import { readSubnetOptions } from "../node/runtime/config-chain.ts";
import { createLogger } from "../node/runtime/logger.ts";
import { homeEnvironment } from "../node/runtime/saved-subnet.ts";
import type { RelayMetrics } from "../relay/relay-metrics.ts";
import { type IntelligenceFeed, openIntelligenceFeed } from "./intelligence-feed.ts";
import { openRelayDesk, type RelayDesk } from "./relay-desk.ts";

/**
 * The desk of a caller whose data lies in `folder`, on the subnet that the environment or else the server's `home`
 * names. Outputs are signed by the hotkey of the caller's memory wallet.
 */
export async function openDesk(
  folder: string,
  home: string,
  level: string,
  metrics?: RelayMetrics,
): Promise<RelayDesk> {
  const environment = await homeEnvironment(home, readEnvironment());
  const { hotkey, sign } = await openWallet(walletFolder(folder));
  const chain = openChain(environment["ENGRAM_CHAIN"] ?? "local", folder, undefined, readSubnetOptions(environment));
  const log = createLogger({ level });
  return openRelayDesk({ folder, environment, chain, signer: { hotkey, sign }, log, ...(metrics ? { metrics } : {}) });
}

/** What is published at the gateway that the environment, or else the subnet of `home`, names. */
export async function openFeed(home: string, level: string, named = readEnvironment()): Promise<IntelligenceFeed> {
  const environment = await homeEnvironment(home, named);
  const chain = openChain(environment["ENGRAM_CHAIN"] ?? "local", home, undefined, readSubnetOptions(environment));
  return openIntelligenceFeed({ environment, chain, log: createLogger({ level }) });
}
