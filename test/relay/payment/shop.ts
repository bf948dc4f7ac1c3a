import { createHash } from "node:crypto";
import { join } from "node:path";
import { Hono } from "hono";
import { type Clock, systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { StoreWorker } from "../../../src/node/runtime/store-worker.ts";
import { evmPaymentChain } from "../../../src/relay/evm/evm-payment-chain.ts";
import type { LocalEvm } from "../../../src/relay/evm/local-evm.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import { PaymentGate } from "../../../src/relay/gateway/payment-gate.ts";
import { paymentTable } from "../../../src/relay/gateway/payment-table.ts";
import type { GatewayTerms } from "../../../src/relay/gateway/payment-terms.ts";
import type { Hex, PaidSubmission, PaymentChain } from "../../../src/relay/payment/payment-types.ts";
import type { ShopOperations } from "./shop-operations.ts";

export const ORIGIN = "http://gateway.test";
export const PRICE = 1_000;

export interface ShopOptions {
  readonly evm: LocalEvm;
  readonly facilitator: PaymentFacilitator;
  readonly folder: string;
  readonly payTo: Hex;
  readonly price?: number;
  readonly origin?: string;
  readonly clock?: Clock;
  readonly chain?: PaymentChain;
  readonly settleMs?: number;
  readonly v1?: boolean;
}

/** What a submission of `body` is at a shop, as relay and gateway both work it out. */
export function submissionOf(body: string, origin: string = ORIGIN): PaidSubmission {
  return { signedHash: createHash("sha256").update(body).digest("hex"), resource: `${origin}/relay` };
}

/** The smallest gateway: it delivers what is paid for, and keeps both in one store. */
export class Shop implements AsyncDisposable {
  readonly gate: PaymentGate;
  readonly store: StoreWorker<ShopOperations>;
  readonly app: Hono;

  constructor(options: ShopOptions) {
    const { evm, facilitator, folder, payTo, price = PRICE, origin = ORIGIN, clock = systemClock } = options;
    const url = new URL("./shop-store-worker.ts", import.meta.url);
    this.store = new StoreWorker({ url, workerData: { path: join(folder, "gateway.sqlite") } });
    const terms: GatewayTerms = { origin, token: evm.token, payTo, price, v1: options.v1 ?? true };
    const chain = options.chain ?? evmPaymentChain(evm.url);
    const log = createLogger({ level: "silent" });
    const table = paymentTable(this.store);
    const settleMs = options.settleMs ?? 20_000;
    this.gate = new PaymentGate({ terms, table, facilitator, chain, log, clock, settleMs });
    this.app = new Hono().post("/relay", async ({ req }) => {
      const body = await req.text();
      return this.#submit(body, submissionOf(body, origin), req.raw.headers);
    });
  }

  async #submit(body: string, submission: PaidSubmission, headers: Headers): Promise<Response> {
    const required = await this.gate.require(submission, headers);
    if (required.kind === "free") return Response.json({ signed_hash: submission.signedHash, payment: null });
    if (required.kind !== "offered") return Response.json(required.body, required);
    const outcome = await this.gate.settle(required.payment);
    if (outcome.kind !== "settled") return Response.json(outcome.body, outcome);
    await this.store.call("accept", { body, record: outcome.record });
    return Response.json(
      { signed_hash: submission.signedHash, payment: outcome.settled },
      { headers: outcome.headers },
    );
  }

  /** `fetch` of this shop, in process. */
  readonly fetch = async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> =>
    this.app.fetch(new Request(input, init));

  async post(body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.fetch(`${ORIGIN}/relay`, { method: "POST", body, headers });
  }

  deliveries(): Promise<number> {
    return this.store.call("deliveries", null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}
