import type { Clock } from "../node/runtime/clock.ts";
import { together } from "../node/runtime/metric-set.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { SubmissionPayer } from "./payment/buyer-types.ts";
import type { RelayReadings } from "./relay-metrics.ts";
import { relayStatus } from "./status.ts";

/** What nobody answers for so long is worth a look (spec 14.10). */
const UNACKNOWLEDGED_MS = 3_600_000;

/** A relay's gauges, read from its outbox and its payer's ledger. */
export function readingsOf(outbox: Outbox, clock: Clock, payer: SubmissionPayer | undefined): RelayReadings {
  const status = together(() => relayStatus(outbox));
  return {
    queue: async () => (await status()).states,
    unacknowledged: () => outbox.call("unacknowledged", { before: clock.now() - UNACKNOWLEDGED_MS }),
    consecutiveFailures: async () => (await status()).consecutive_failures,
    lastSuccess: async () => (await status()).last_ok_at,
    waitingSince: () => outbox.call("waitingSince", null),
    clockSkew: async () => (await status()).clock_skew_ms,
    budget: async () => (await payer?.budget()) ?? null,
  };
}
