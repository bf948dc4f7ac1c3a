import { isEngramError } from "../../crypto/errors.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { ChainCheck } from "./chain-check.ts";
import type { GatewayStore } from "./gateway-store.ts";
import type { SubmissionGate } from "./payment-port.ts";
import type { PermittedSets } from "./permitted-sets.ts";
import { GatewayRefusal } from "./refusal.ts";

export interface SweepDeps {
  readonly store: GatewayStore;
  readonly gate: SubmissionGate;
  readonly chain: ChainCheck;
  readonly sets: PermittedSets;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onAccepted: () => void;
  /** How long bodies of accepted submissions are kept; null for ever. */
  readonly keepBodiesMs: number | null;
}

const SWEEP_MS = 60_000;
/** What lacks validators or payment this long is forgotten (spec 14.2). */
const PENDING_MS = 3_600_000;

/** Stores what was paid for while nobody could; a failure is told and waits for the next time. */
export async function recoverPaid({ store, gate, chain, clock, log, onAccepted }: SweepDeps): Promise<void> {
  try {
    await gate.reconcile();
    const { identity, finalized } = await chain.state();
    const input = { block: finalized.number, chain: identity, now: clock.now() };
    const receipts = await store.call("adoptPaid", input);
    for (const { signed_hash } of receipts)
      log.warn({ signed_hash }, "stored what was paid for before an interruption");
    if (receipts.length > 0) onAccepted();
  } catch (error) {
    log.warn({ code: isEngramError(error) ? error.code : "UNEXPECTED" }, "open payments could not be looked after");
  }
}

/** Keeps who may vote in the epoch that is running; a chain that is away is asked the next time. */
export async function snapshotSet({ chain, sets, log }: SweepDeps): Promise<void> {
  try {
    await sets.snapshot(await chain.state());
  } catch (error) {
    const code = error instanceof GatewayRefusal || isEngramError(error) ? error.code : "UNEXPECTED";
    log.warn({ code }, "who may vote now could not be kept");
  }
}

/** Looks every minute after voters, open payments and forgotten submissions, until it is disposed. */
export function startSweep(deps: SweepDeps): AsyncDisposable {
  const stopped = new AbortController();
  const running = run(deps, stopped.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stopped.abort();
      await running;
    },
  };
}

async function run(deps: SweepDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  while (!signal.aborted) {
    const slept = await clock.sleep(SWEEP_MS, signal).then(
      () => true,
      () => false,
    );
    if (!slept) return;
    await recoverPaid(deps);
    await snapshotSet(deps);
    await forgetOld(deps).catch((error: unknown) => {
      log.warn({ code: isEngramError(error) ? error.code : "UNEXPECTED" }, "old submissions could not be forgotten");
    });
  }
}

/** Forgets what nobody completed, and bodies that were kept long enough. */
async function forgetOld({ store, clock, keepBodiesMs }: SweepDeps): Promise<void> {
  await store.call("expire", { before: clock.now() - PENDING_MS });
  if (keepBodiesMs === null) return;
  while ((await store.call("dropBodies", { before: clock.now() - keepBodiesMs })) > 0);
}
