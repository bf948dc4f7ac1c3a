import { CHOSEN, dashboard, percentiles, rates, values } from "./panels.ts";
import { chainSection, processSection } from "./process.ts";

export const gateway = dashboard("gateway", "Engram / Gateway", "engram_gateway_receipts", [
  {
    title: "Submissions",
    graphs: [
      {
        title: "Submissions by outcome",
        unit: "ops",
        about: "That passed the checks. Pending ones lack signatures, an anchor or a payment.",
        lines: rates("engram_gateway_submissions_total", "outcome"),
      },
      {
        title: "Refused by reason",
        unit: "ops",
        about: "Requests of all routes.",
        lines: rates("engram_gateway_refused_total", "reason"),
      },
      {
        title: "Time of a submission",
        unit: "s",
        about: "With its checks, the chain's answers and the payment.",
        lines: percentiles("engram_gateway_submission_duration_seconds"),
      },
      {
        title: "Size of a submission",
        unit: "bytes",
        about: "As it came.",
        lines: percentiles("engram_gateway_submission_bytes"),
      },
      {
        title: "Receipts",
        unit: "short",
        about: "That were ever given.",
        lines: values("engram_gateway_receipts"),
      },
      {
        title: "Open submissions",
        unit: "short",
        about: "Without a receipt, by what they lack.",
        lines: values("engram_gateway_open_submissions", "state"),
      },
    ],
  },
  {
    title: "Payments and readers",
    graphs: [
      {
        title: "Dollars received",
        unit: "currencyUSD",
        about: "Of the payments that receipts were given for, an hour.",
        lines: [[`increase(engram_gateway_received_usd_total{${CHOSEN}}[1h])`, "{{instance}}"]],
      },
      {
        title: "Payments",
        unit: "ops",
        about: "That receipts were given for.",
        lines: rates("engram_gateway_payments_total", "instance"),
      },
      {
        title: "Feed readers",
        unit: "short",
        about: "Streams that are open.",
        lines: values("engram_gateway_feed_readers"),
      },
      {
        title: "Payments by binding",
        unit: "short",
        about: "Settled ones, bound and unbound, and mismatched ones, which were refused; ever.",
        lines: values("engram_gateway_payment_bindings", "binding"),
      },
      {
        title: "Webhook deliveries",
        unit: "ops",
        about: "Attempts at readers' webhooks, by what came of them.",
        lines: rates("engram_gateway_webhook_attempts_total", "result"),
      },
      {
        title: "Webhooks",
        unit: "short",
        about: "Failing ones are tried again; dead ones wait for engram gateway webhook revive.",
        lines: values("engram_gateway_webhooks", "state"),
      },
      {
        title: "Webhooks behind",
        unit: "short",
        about: "Receipts that the last failing webhook is behind.",
        lines: values("engram_gateway_webhook_behind"),
      },
    ],
  },
  chainSection,
  processSection,
]);
