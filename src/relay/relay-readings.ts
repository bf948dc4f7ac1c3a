import type { Clock } from "../node/runtime/clock.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { RelayReadings } from "./relay-metrics.ts";
import { relayStatus } from "./status.ts";

/** What nobody answers for so long is worth a look (spec 14.10). */
const UNACKNOWLEDGED_MS = 3_600_000;

/** A relay's gauges, read from its outbox. */
export function readingsOf(outbox: Outbox, clock: Clock): RelayReadings {
  return {
    queue: async () => (await relayStatus(outbox)).states,
    unacknowledged: () => outbox.call("unacknowledged", { before: clock.now() - UNACKNOWLEDGED_MS }),
    consecutiveFailures: async () => (await outbox.call("attempts", null)).failures,
    lastSuccess: async () => (await relayStatus(outbox)).last_ok_at,
    clockSkew: async () => (await relayStatus(outbox)).clock_skew_ms,
  };
}
