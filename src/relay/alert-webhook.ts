import { isEngramError } from "../crypto/errors.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { HttpClient } from "../node/runtime/http-client.ts";
import type { Logger } from "../node/runtime/logger.ts";
import type { FailureAlert } from "./outbox/alert-operations.ts";

const DEADLINE_MS = 5_000;
const MAX_REPLY_BYTES = 4_096;

export interface AlertWebhook {
  readonly url: string;
  readonly http: HttpClient;
  readonly validatorHotkey: Hotkey;
  readonly netuid: number;
  readonly log: Logger;
}

/** Tells the operator's webhook (spec 14.9). False when it has to be told again; never throws but the signal's reason. */
export async function sendAlert(
  { url, http, validatorHotkey, netuid, log }: AlertWebhook,
  { state, consecutiveFailures, firstFailureAt, lastError }: FailureAlert,
  dlqPending: number,
  signal: AbortSignal,
): Promise<boolean> {
  const body = {
    alert: "relay_failures",
    state,
    consecutive_failures: consecutiveFailures,
    first_failure_at_ms: firstFailureAt,
    last_error: lastError,
    dlq_pending: dlqPending,
    validator_hotkey: validatorHotkey,
    netuid,
  };
  try {
    const limits = { deadlineMs: DEADLINE_MS, maxBytes: MAX_REPLY_BYTES, signal };
    const { status } = await http.postJson(url, JSON.stringify(body), limits);
    if (status >= 200 && status < 300) return true;
    log.warn({ status }, "the alert webhook did not take an alert; trying again");
  } catch (error) {
    signal.throwIfAborted();
    log.warn(
      { code: isEngramError(error) ? error.code : "UNKNOWN" },
      "the alert webhook does not answer; trying again",
    );
  }
  return false;
}
