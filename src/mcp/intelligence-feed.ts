import type { ChainClient } from "../node/ports.ts";
import type { Environment } from "../node/runtime/config.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { ReleaseStack } from "../node/runtime/release-stack.ts";
import { fenceIntelligence } from "../relay/intelligence/fence-intelligence.ts";
import { openIntelligence } from "../relay/intelligence/open-intelligence.ts";
import type { IntelligenceSource } from "../relay/intelligence/types.ts";

/** What others published through the gateway, checked by this process itself. */
export interface IntelligenceFeed extends AsyncDisposable {
  readonly read: IntelligenceSource["read"];
  readonly fence: typeof fenceIntelligence;
}

export interface IntelligenceFeedOptions {
  readonly environment: Environment;
  /** Closed with the feed. */
  readonly chain: ChainClient;
  readonly log: Logger;
}

/** Errors: those of `openIntelligence`. */
export async function openIntelligenceFeed({
  environment,
  chain,
  log,
}: IntelligenceFeedOptions): Promise<IntelligenceFeed> {
  await using opening = new ReleaseStack();
  opening.use(chain);
  const reader = await openIntelligence(environment, { chain, log });
  const opened = opening.move();
  return {
    read: (query, signal) => reader.read(query, signal),
    fence: fenceIntelligence,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
