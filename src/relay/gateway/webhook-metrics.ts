import { MetricSet, together } from "../../node/runtime/metric-set.ts";
import type { GatewayStore } from "./gateway-store.ts";

/** What readers' webhooks and payers make of a gateway, beside its own metrics. */
export class WebhookMetrics extends MetricSet {
  readonly #pushes = this.counter(
    "engram_gateway_webhook_attempts_total",
    "Attempts to push an item to a reader's webhook, by what came of them",
    ["result"],
    ["ok", "failed", "dead"],
  );

  constructor(store: Pick<GatewayStore, "call">) {
    super();
    const webhooks = together(() => store.call("webhooks", { reader: null }));
    this.readings("engram_gateway_webhooks", "Readers' webhooks; failing ones are tried again", "state", async () => {
      const all = await webhooks();
      const dead = all.filter(({ state }) => state === "dead").length;
      const failing = all.filter(({ state, attempts }) => state === "active" && attempts > 0).length;
      return { active: all.length - dead - failing, failing, dead };
    });
    this.reading("engram_gateway_webhook_behind", "Receipts behind the place of the last failing webhook", async () => {
      const failing = (await webhooks()).filter(({ state, attempts }) => state === "active" && attempts > 0);
      if (failing.length === 0) return 0;
      const last = await store.call("lastSeq", null);
      return Math.max(0, ...failing.map(({ cursor }) => last - cursor));
    });
    this.readings(
      "engram_gateway_payment_bindings",
      "Settled payments, bound and unbound, and mismatched ones, which were refused; since ever",
      "binding",
      async () => ({ ...(await store.call("paymentTotals", null)) }),
    );
  }

  pushed(result: "ok" | "failed" | "dead"): void {
    this.#pushes.inc({ result });
  }
}
