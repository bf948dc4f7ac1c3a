import type { VectorStore } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";

const INTERVAL_MS = 60_000;

interface Deps {
  readonly store: VectorStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Removes expired records from the disk once a minute, until it is disposed; no route shows them meanwhile. */
export function startExpiryLoop(deps: Deps): AsyncDisposable {
  const stop = new AbortController();
  const ended = loop(deps, stop.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

async function loop({ store, clock, logger }: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const removed = await store.expire(clock.now());
      if (removed > 0) logger.info({ removed }, "expired records removed");
    } catch (error) {
      logger.warn({ code: error instanceof Error ? error.name : "unknown" }, "expired records could not be removed");
    }
    await clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
}
