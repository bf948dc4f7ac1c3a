import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { type Clock, systemClock } from "../../node/runtime/clock.ts";
import type {
  BudgetState,
  LedgerEntry,
  LedgerQuery,
  PaymentHeaders,
  PayOptions,
  ReceivedChallenge,
  SubmissionPayer,
} from "./buyer-types.ts";
import { allowedTerms, type ChosenTerms } from "./choose-terms.ts";
import { budgetOf, dayOf, type Ledger, openLedger } from "./ledger.ts";
import type { PurchaseKey, PurchaseRow } from "./ledger-operations.ts";
import { openPaymentKey, type PaymentKey } from "./payment-key.ts";
import { paymentNonce, SALT_HEADER } from "./payment-nonce.ts";
import type { PaymentSettings } from "./payment-settings.ts";
import type { Hex, PaidSubmission, PaymentChain } from "./payment-types.ts";
import { parseSettlement } from "./payment-wire.ts";
import { signPayment } from "./sign-payment.ts";

export interface PaymentBuyerOptions {
  /** The data folder: key and ledger live in it. */
  readonly home: string;
  readonly settings: PaymentSettings;
  readonly chain: PaymentChain;
  readonly clock?: Clock;
}

/** A chain may still replace its newest blocks: so much later an authorization's end is final. */
const END_MARGIN_SECONDS = 30;
/** What was reserved and never signed is given back: the process that did so is gone. */
const ABANDONED_MS = 600_000;
const SWEEP_LIMIT = 100;
const LEDGER_LIMIT = 1_000;

/** See `SubmissionPayer`. */
export class PaymentBuyer implements SubmissionPayer {
  readonly #settings: PaymentSettings;
  readonly #chain: PaymentChain;
  readonly #clock: Clock;
  readonly #key: PaymentKey;
  readonly #ledger: Ledger;

  private constructor({ settings, chain, clock = systemClock }: PaymentBuyerOptions, key: PaymentKey, ledger: Ledger) {
    this.#settings = settings;
    this.#chain = chain;
    this.#clock = clock;
    this.#key = key;
    this.#ledger = ledger;
  }

  /** Opens the payer of a home, with a new key on first use. Errors: those of `openPaymentKey`. */
  static async open(options: PaymentBuyerOptions): Promise<PaymentBuyer> {
    const key = await openPaymentKey(payerKeyPath(options.home));
    return new PaymentBuyer(options, key, openLedger(options.home));
  }

  get address(): Hex {
    return this.#key.address;
  }

  async stored(submission: PaidSubmission): Promise<PaymentHeaders | undefined> {
    const row = await this.#ledger.call("findPurchase", keyOf(submission));
    return row && row.state !== "released" ? headersOf(row) : undefined;
  }

  async pay(
    challenge: ReceivedChallenge,
    submission: PaidSubmission,
    options: PayOptions = {},
  ): Promise<PaymentHeaders> {
    const row = await this.#ledger.call("findPurchase", keyOf(submission));
    const terms = termsFor(row, allowedTerms(challenge, submission, this.#settings), options.acceptNewTerms === true);
    const outstanding = row && row.state !== "released" ? headersOf(row) : undefined;
    if (row && outstanding) {
      if (!(await this.#isWorthless(row))) return outstanding;
      await this.#release(row);
    }
    if (terms === undefined) throw changed();
    const reserved = await this.#reserve(terms, submission, row);
    return headersOf(reserved) ?? (await this.#sign(terms, submission, reserved));
  }

  async #reserve(terms: ChosenTerms, submission: PaidSubmission, before: PurchaseRow | null): Promise<PurchaseRow> {
    const { token, payTo, amount } = terms;
    const { network, asset } = token;
    const now = this.#clock.now();
    const payer = this.#key.address;
    // The same salt gives the same nonce, which the chain spends once.
    const salt = before?.salt ?? randomBytes(32).toString("hex");
    const key = keyOf(submission);
    const nonce = paymentNonce({ network, asset, payTo, payer, origin: key.gateway, signedHash: key.signedHash, salt });
    const purchase = { ...key, network, asset, payTo, payer, amount, salt, nonce };
    const limit = this.#settings.dailyBudget;
    const reserved = await this.#ledger.call("reserve", { ...purchase, limit, day: dayOf(now), now });
    // Another process reserved first, on what it was asked for.
    if (reserved.payTo !== payTo || reserved.amount !== amount || reserved.payer !== payer) throw changed();
    return reserved;
  }

  async #sign(terms: ChosenTerms, submission: PaidSubmission, { nonce }: PurchaseRow): Promise<PaymentHeaders> {
    const validBefore = Math.floor(this.#clock.now() / 1_000) + terms.maxTimeoutSeconds;
    const signed = await signPayment(this.#key, { terms, submission, nonce, validBefore });
    const now = this.#clock.now();
    const row = await this.#ledger.call("storeSigned", { ...keyOf(submission), nonce, validBefore, ...signed, now });
    const headers = headersOf(row);
    if (headers) return headers;
    throw new EngramError("STORE_FAILED", "the signed payment could not be stored", { fix: "try again" });
  }

  /** Whether the payment was not spent and never can be: only then may another be signed. */
  async #isWorthless(row: PurchaseRow): Promise<boolean> {
    if (row.validBefore === null) return false;
    const end = row.validBefore + END_MARGIN_SECONDS;
    if (this.#clock.now() < end * 1_000) return false;
    const { used, chainTime } = await this.#chain.authorization(authorizationOf(row));
    return !used && chainTime >= end;
  }

  async #release({ signedHash, gateway, validBefore }: PurchaseRow): Promise<void> {
    await this.#ledger.call("releasePurchase", { signedHash, gateway, validBefore, now: this.#clock.now() });
  }

  async settled(submission: PaidSubmission, headers: { get(name: string): string | null }): Promise<void> {
    const transaction = parseSettlement(headers) ?? null;
    await this.#ledger.call("settlePurchase", { ...keyOf(submission), transaction, now: this.#clock.now() });
  }

  async reconcile(): Promise<void> {
    const now = this.#clock.now();
    const open = { endedBefore: Math.floor(now / 1_000), reservedBefore: now - ABANDONED_MS, limit: SWEEP_LIMIT };
    const failures: unknown[] = [];
    for (const row of await this.#ledger.call("openPurchases", open)) {
      // One on a chain that is not asked any more must not hold up the others for ever.
      await (row.validBefore === null ? this.#release(row) : this.#reconcileOne(row)).catch((error: unknown) =>
        failures.push(error),
      );
    }
    if (failures.length > 0) throw failures[0];
  }

  async #reconcileOne(row: PurchaseRow): Promise<void> {
    const { signedHash, gateway, payTo, amount } = row;
    const key = authorizationOf(row);
    if (await this.#isWorthless(row)) return await this.#release(row);
    if (!(await this.#chain.authorization(key)).used) return;
    const outcome = await this.#chain.outcome(key, { payTo, atLeast: amount });
    const transaction = outcome.kind === "paid" ? outcome.transaction : null;
    // Used without a trace of ours counts as spent: rather a cent too little in the budget than one too much.
    await this.#ledger.call("settlePurchase", { signedHash, gateway, transaction, now: this.#clock.now() });
  }

  async budget(): Promise<BudgetState> {
    return await budgetOf(this.#ledger, this.#settings.dailyBudget, this.#clock.now());
  }

  async ledger({ limit = 100 }: LedgerQuery = {}): Promise<readonly LedgerEntry[]> {
    return await this.#ledger.call("ledger", { limit: Math.min(limit, LEDGER_LIMIT) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ledger[Symbol.asyncDispose]();
  }
}

/** Where the key that pays lives in a home. */
export function payerKeyPath(home: string): string {
  return join(home, "payer-key");
}

/**
 * The terms to pay on: those of the purchase that was begun, if the gateway still offers them. Otherwise none: money
 * was asked for under other terms, and a person decides (design: x402).
 */
function termsFor(
  row: PurchaseRow | null,
  offered: readonly ChosenTerms[],
  acceptNew: boolean,
): ChosenTerms | undefined {
  if (!row) return offered[0];
  const same = offered.find(
    ({ token, payTo, amount }) => token.network === row.network && payTo === row.payTo && amount === row.amount,
  );
  if (same) return same;
  if (acceptNew) return offered[0];
  throw changed();
}

function changed(): EngramError {
  return new EngramError("PAYMENT_CHANGED", "the gateway now asks for another payment than the one already made out", {
    fix: "look at it with engram payments; replaying the submission accepts the new terms once the old payment is void",
  });
}

function keyOf({ signedHash, resource }: PaidSubmission): PurchaseKey {
  return { signedHash, gateway: new URL(resource).origin };
}

function authorizationOf({ network, asset, payer, nonce }: PurchaseRow) {
  return { network, asset, from: payer, nonce };
}

function headersOf({ header, payment, salt }: PurchaseRow): PaymentHeaders | undefined {
  return header === null || payment === null ? undefined : { [header]: payment, [SALT_HEADER]: salt };
}
