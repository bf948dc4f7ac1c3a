import type { MemoryClient } from "../../../node/client/memory.ts";
import type { Clock } from "../../../node/runtime/clock.ts";
import type { ServerLog } from "../../server-options.ts";
import type { History } from "./history.ts";
import type { Sample } from "./history-operations.ts";

export interface SamplerOptions {
  /** Between two looks, in ms. */
  readonly everyMs: number;
}

export interface SamplerDeps {
  readonly memory: () => Promise<MemoryClient>;
  readonly history: History;
  readonly clock: Clock;
  readonly log: ServerLog;
  /** Called after each look. */
  readonly onLook: () => void;
  readonly signal: AbortSignal;
}

/** Samples are kept this far apart; between them only open pages are told. */
const KEEP_EVERY_MS = 60_000;

/** Looks at the home again and again until the signal aborts. A look that fails leaves a gap. */
export async function sampleUntilStopped({ everyMs }: SamplerOptions, deps: SamplerDeps): Promise<void> {
  const { memory, history, clock, log, onLook, signal } = deps;
  let kept = 0;
  while (!signal.aborted) {
    try {
      if (clock.now() - kept >= KEEP_EVERY_MS) {
        // Another dashboard of this home may have kept one.
        kept = await history.call("lastSample", null);
        if (clock.now() - kept >= KEEP_EVERY_MS) {
          const sample = await lookAt(await memory(), clock.now());
          await history.call("addSample", sample);
          kept = sample.at;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      kept = clock.now();
      log.error({ error: error instanceof Error ? error.name : "unknown" }, "the dashboard could not look at its home");
    }
    onLook();
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}

async function lookAt(client: MemoryClient, at: number): Promise<Sample> {
  const { memories, replicas, journal, miners, chain } = await client.status();
  return {
    at,
    memories,
    copies: replicas.have,
    waiting: journal.pushes + journal.deletes,
    miners: miners.filter(({ reachable }) => reachable).length,
    block: chain.block,
  };
}
