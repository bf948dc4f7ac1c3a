import { EngramError } from "../../crypto/errors.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { StoreWorker } from "../../node/runtime/store-worker.ts";
import { PaymentGate } from "../../relay/gateway/payment-gate.ts";
import type { Settlement } from "../../relay/gateway/payment-settlement.ts";
import { paymentTable } from "../../relay/gateway/payment-table.ts";
import type { OfferedPayment, SettleOutcome } from "../../relay/gateway/payment-types.ts";
import type { SettledPayment } from "../../relay/payment/payment-types.ts";
import type { CallOperations, PaidCall } from "./call-operations.ts";
import { callHash, readCallPayment } from "./payment-meta.ts";
import type { PriceList } from "./price-list.ts";

/** What became of the money of a call, for its caller. */
export type MoneyState =
  | { readonly state: "not_charged" }
  | { readonly state: "settled"; readonly payment: SettledPayment; readonly headers: Readonly<Record<string, string>> };

/** A call with a payment whose form, terms and signature hold. */
export interface Purchase {
  readonly payer: string;
  /** Names the payment and the call it is brought for. */
  readonly key: string;
  /** The answer that this payment bought before. */
  readonly answered: string | null;
  /** Moves the money, once for whatever happens; the call is owed from then on. Throws `PaymentStop` or `EngramError`. */
  charge(): Promise<void>;
  money(): MoneyState;
  /** Keeps the answer, so that the same payment gets it again. */
  answer(result: string): Promise<void>;
}

/** The gate's own answer instead of the tool's: a challenge, or what is wrong with the payment. */
export class PaymentStop extends Error {
  readonly outcome: Exclude<SettleOutcome, { readonly kind: "settled" }>;

  constructor(outcome: PaymentStop["outcome"]) {
    super("the call was not paid for");
    this.outcome = outcome;
  }
}

export interface TillDeps {
  readonly store: StoreWorker<CallOperations>;
  readonly settlement: Settlement;
  readonly origin: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Attempts at a paid call that keeps failing. */
const MAX_RUNS = 20;
const MAX_RESULT_CHARS = 262_144;
const KEPT_MS = 7 * 86_400_000;
const SWEEP_MS = 60_000;

/**
 * Sells tool calls. A payment is settled before anything is done, buys one call, and gets that call's answer again
 * however often it is sent; one whose call failed is not charged again.
 */
export class Till implements AsyncDisposable {
  readonly #list: PriceList;
  readonly #deps: TillDeps;
  readonly #gates = new Map<string, PaymentGate>();
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #sweeping: NodeJS.Timeout;

  constructor(list: PriceList, deps: TillDeps) {
    this.#list = list;
    this.#deps = deps;
    this.#sweeping = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  get encoding(): PriceList["encoding"] {
    return this.#list.encoding;
  }

  /** What a call of `tool` costs, in millionths of a dollar; undefined when nothing. */
  priceOf(tool: string): number | undefined {
    return this.#list.prices.get(tool);
  }

  /** Asks the chain about payments left open, and lets go of old answers. Never throws. */
  async sweep(): Promise<void> {
    const { store, clock, log } = this.#deps;
    const [tool] = this.#list.prices.keys();
    if (tool === undefined) return;
    await Promise.all([
      this.#gate(tool).reconcile(),
      store.call("forgetResults", { before: clock.now() - KEPT_MS }),
    ]).catch(() => log.warn("open payments could not be looked at; they stay open"));
  }

  /** Throws `PaymentStop`, and `PAYMENT_FORGOTTEN` or `PAID_CALL_FAILED` for a payment that is of no more use. */
  async purchase(tool: string, args: unknown, meta: unknown): Promise<Purchase> {
    const gate = this.#gate(tool);
    const resource = `mcp://tool/${tool}`;
    const brought = readCallPayment(meta);
    const signedHash = callHash(tool, args, brought ?? { payer: "", request: "" });
    const required = await gate.require(
      { signedHash, resource },
      brought?.headers ?? new Headers({ "x-payment": "-" }),
    );
    if (required.kind === "free") throw new TypeError("a priced tool has a price");
    if (required.kind !== "offered") throw new PaymentStop(required);
    const { payment } = required;
    const earlier = await this.#deps.store.call("findCall", { key: payment.key });
    if (earlier?.result == null && earlier?.ended != null) throw forgotten();
    return this.#open(gate, tool, payment, earlier);
  }

  /** Runs `work`, unless the same payment's call is running already: then its answer is for both. */
  alone<T>({ key }: Purchase, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key) ?? work().finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running as Promise<T>;
  }

  #open(gate: PaymentGate, tool: string, payment: OfferedPayment, earlier: PaidCall | null): Purchase {
    const { store, clock } = this.#deps;
    let money: MoneyState = { state: "not_charged" };
    let charging: Promise<void> | undefined;
    const charge = async () => {
      const outcome = await gate.settle(payment);
      if (outcome.kind !== "settled") throw new PaymentStop(outcome);
      const call = await store.call("beginCall", { record: outcome.record, tool, now: clock.now() });
      money = { state: "settled", payment: outcome.settled, headers: outcome.headers };
      if ((call?.runs ?? 0) > MAX_RUNS) throw failedTooOften();
    };
    return {
      payer: payment.key.from,
      key: [...Object.values(payment.key), payment.signedHash].join(":").toLowerCase(),
      answered: earlier?.result ?? null,
      charge: () => {
        charging ??= charge();
        return charging;
      },
      money: () => money,
      answer: async (result) => {
        if (money.state !== "settled") return;
        const kept = result.length <= MAX_RESULT_CHARS ? result : null;
        await store.call("endCall", { key: payment.key, result: kept, now: clock.now() });
      },
    };
  }

  #gate(tool: string): PaymentGate {
    const known = this.#gates.get(tool);
    if (known) return known;
    const { store, settlement, origin, clock, log } = this.#deps;
    const { token, payTo } = this.#list.settlement;
    const terms = { origin, token, payTo, price: this.priceOf(tool) ?? 0, v1: settlement.v1 };
    const { facilitator, chain } = settlement;
    const gate = new PaymentGate({ terms, table: paymentTable(store), facilitator, chain, clock, log });
    this.#gates.set(tool, gate);
    return gate;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweeping);
    await this.#deps.store[Symbol.asyncDispose]();
  }
}

function forgotten(): EngramError {
  return new EngramError("PAYMENT_FORGOTTEN", "This payment bought a call whose answer is no longer kept", {
    fix: "Make a new payment if you want the call again; this one is not charged twice.",
  });
}

function failedTooOften(): EngramError {
  return new EngramError("PAID_CALL_FAILED", `This paid call failed ${MAX_RUNS} times and is not tried again`, {
    fix: "Ask the server's operator about the payment: it was charged once.",
  });
}
