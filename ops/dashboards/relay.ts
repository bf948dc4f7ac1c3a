import { CHOSEN, dashboard, percentiles, rates, values } from "./panels.ts";

export const relay = dashboard("relay", "Engram / Relay", "engram_relay_consecutive_failures", [
  {
    title: "Deliveries",
    graphs: [
      {
        title: "Success rate",
        unit: "percentunit",
        about: "Attempts that delivered, of all that ended in an answer or an error, over an hour.",
        lines: [
          [
            `sum(increase(engram_relay_submissions_total{${CHOSEN},result="ok"}[1h])) / ` +
              `sum(increase(engram_relay_submissions_total{${CHOSEN},result=~"ok|retry|rejected|abandoned"}[1h]))`,
            "delivered",
          ],
        ],
      },
      {
        title: "Results",
        unit: "ops",
        about: "Submissions by what came of an attempt.",
        lines: rates("engram_relay_submissions_total", "result"),
      },
      {
        title: "Latency of an attempt",
        unit: "s",
        about: "From sending to the answer.",
        lines: percentiles("engram_relay_submit_duration_seconds"),
      },
      {
        title: "Attempts by code",
        unit: "ops",
        about: "The HTTP status, or the error where there was none.",
        lines: rates("engram_relay_attempts_total", "code"),
      },
      {
        title: "Failures on end",
        unit: "short",
        about: "Since the last success. The third alerts.",
        lines: values("engram_relay_consecutive_failures"),
      },
      {
        title: "Last success",
        unit: "s",
        about: "How long ago it was, and for how long the oldest submission has been waiting.",
        lines: [
          [`time() - engram_relay_last_success_timestamp_seconds{${CHOSEN}}`, "{{instance}} last success"],
          [`time() - engram_relay_waiting_since_timestamp_seconds{${CHOSEN}}`, "{{instance}} oldest waiting"],
        ],
      },
    ],
  },
  {
    title: "Queue",
    graphs: [
      {
        title: "Queue by state",
        unit: "short",
        about: "parked and abandoned are the dead letters: engram relay replay sends them again.",
        lines: [[`sum by (state) (engram_relay_queue_entries{${CHOSEN}})`, "{{state}}"]],
      },
      {
        title: "Not acknowledged",
        unit: "short",
        about: "Sent more than an hour ago, and neither accepted nor refused.",
        lines: values("engram_relay_unacked"),
      },
      {
        title: "Finality wait",
        unit: "s",
        about: "From queued to signed: until the block is final.",
        lines: percentiles("engram_relay_finality_wait_seconds"),
      },
      {
        title: "Acknowledgement lag",
        unit: "s",
        about: "http_ack to the answer, accepted to the receiver's word, round_accepted from the round to it.",
        lines: percentiles("engram_relay_ack_lag_seconds", "until"),
      },
      {
        title: "Receiver's clock",
        unit: "s",
        about: "How far it is ahead of ours.",
        lines: values("engram_relay_clock_skew_seconds"),
      },
      {
        title: "Co-signatures",
        unit: "ops",
        about: "Answers given to other validators that asked for one.",
        lines: rates("engram_relay_cosign_total", "result"),
      },
      {
        title: "Memories vouched for",
        unit: "ops",
        about: "Answers given to authors that asked for a signature.",
        lines: rates("engram_relay_propose_total", "result"),
      },
    ],
  },
  {
    title: "Payloads and payments",
    graphs: [
      {
        title: "Payload volume",
        unit: "Bps",
        about: "Bytes sent a second.",
        lines: [
          [`sum by (instance) (rate(engram_relay_payload_bytes_total{${CHOSEN}}[$__rate_interval]))`, "{{instance}}"],
        ],
      },
      {
        title: "Payload size",
        unit: "bytes",
        about: "As sent, with co-signatures.",
        lines: percentiles("engram_relay_payload_bytes"),
      },
      {
        title: "Payment budget",
        unit: "currencyUSD",
        about: "Of this UTC day: allowed, spent, and signed but not known to be settled.",
        lines: [
          [`engram_relay_payment_budget_usd{${CHOSEN}}`, "{{instance}} allowed"],
          [`engram_relay_payment_spent_usd{${CHOSEN}}`, "{{instance}} spent"],
          [`engram_relay_payment_reserved_usd{${CHOSEN}}`, "{{instance}} reserved"],
        ],
      },
    ],
  },
]);
