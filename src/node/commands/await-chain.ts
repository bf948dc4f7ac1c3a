import { setTimeout } from "node:timers/promises";
import { isEngramError } from "../../crypto/errors.ts";
import type { ChainClient } from "../ports.ts";
import type { Logger } from "../runtime/logger.ts";

const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;

/**
 * Waits until the chain answers: a service that ended because its endpoints were down would be given up by systemd after
 * three starts. False when `stopped` came first. Errors: the chain's others, which waiting does not mend.
 */
export async function awaitChain(
  chain: Pick<ChainClient, "identity">,
  { logger, stopped }: { readonly logger: Logger; readonly stopped: Promise<void> },
): Promise<boolean> {
  const stopping = new AbortController();
  void stopped.then(() => stopping.abort());
  for (let waitMs = FIRST_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_MS)) {
    try {
      await chain.identity();
      return true;
    } catch (error) {
      if (!isEngramError(error, "CHAIN_UNREACHABLE") && !isEngramError(error, "CHAIN_TIMEOUT")) throw error;
      if (stopping.signal.aborted) return false;
      logger.warn({ code: error.code, waitMs }, "the chain cannot be reached; it is asked again");
    }
    await setTimeout(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (stopping.signal.aborted) return false;
  }
}
