import { EngramError } from "../../crypto/errors.ts";
import { type Clock, systemClock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { AuthorizationKey, Hex, PaidSubmission, PaymentChain } from "../payment/payment-types.ts";
import { challengeOf, type Reason, refusalOf, settledHeaders, unknownAnswer } from "./payment-answers.ts";
import type { PaymentFacilitator } from "./payment-facilitator.ts";
import { meetsRow, meetsTerms, readOffer } from "./payment-offer.ts";
import type { SubmissionGate } from "./payment-port.ts";
import { definiteReason, type SettleAnswer } from "./payment-settle-answer.ts";
import { type GatewayTerms, requirementsV1, requirementsV2 } from "./payment-terms.ts";
import type {
  HeaderReader,
  NewPayment,
  OfferedPayment,
  PaymentChallenge,
  PaymentClaim,
  PaymentRow,
  PaymentTable,
  RequireOutcome,
  SettleOutcome,
} from "./payment-types.ts";

export interface PaymentGateOptions {
  readonly terms: GatewayTerms;
  readonly table: PaymentTable;
  readonly facilitator: PaymentFacilitator;
  readonly chain: PaymentChain;
  readonly log: Logger;
  readonly clock?: Clock;
  /** How long a settlement may take before its outcome counts as unknown. */
  readonly settleMs?: number;
}

const SETTLE_MS = 20_000;
/** More settlements at once than this are told to come back. */
const MAX_IN_FLIGHT = 256;
/** The sweep leaves alone what a request may still be working on. */
const SWEEP_AFTER_MS = 60_000;
const SWEEP_LIMIT = 100;
const END_MARGIN_SECONDS = 30;
/** What is settled at once needs no more; an open payment is kept until its end. */
const MAX_AHEAD_SECONDS = 3_600;

/** See `SubmissionGate`. Settles first and stores after, so that nothing is delivered that is not paid for (V-W39). */
export class PaymentGate implements SubmissionGate {
  readonly #options: PaymentGateOptions;
  readonly #clock: Clock;
  /** One settlement per authorization and submission at a time: copies share its outcome. */
  readonly #inFlight = new Map<string, Promise<SettleOutcome>>();

  constructor(options: PaymentGateOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get price(): number {
    return this.#options.terms.price;
  }

  challenge(submission: PaidSubmission): PaymentChallenge {
    return challengeOf(this.#options.terms, submission, "payment_required");
  }

  async require(submission: PaidSubmission, headers: HeaderReader): Promise<RequireOutcome> {
    const { terms, table } = this.#options;
    if (terms.price === 0) return { kind: "free" };
    const offer = await readOffer(terms, submission, headers);
    if (offer.kind === "none") {
      // Clients that forget what they signed would pay once more (guide 5).
      return (await table.hasOpenPayment(submission)) ? unknownAnswer() : this.challenge(submission);
    }
    if (offer.kind === "refused") return refusalOf(offer.refusal);
    if (offer.kind === "mismatched") {
      const { key, authorization } = offer;
      const { signedHash } = submission;
      await table.noteMismatch({ key, signedHash, amount: authorization.value, now: this.#clock.now() });
      return refusalOf("payment_mismatched");
    }
    if (offer.kind === "declined") return challengeOf(terms, submission, offer.reason);
    const { payment } = offer;
    const row = await table.findPayment(payment.key);
    if (row && row.signedHash !== submission.signedHash) return refusalOf("payment_spent");
    // What was taken on before is settled on the terms of then, whatever the price is now.
    if (row) {
      if (!meetsRow(row, payment)) return challengeOf(terms, submission, "terms");
      return { kind: "offered", payment: { ...payment, bound: row.bound } };
    }
    if (!meetsTerms(terms, payment)) return challengeOf(terms, submission, "terms");
    // A bound payment may have been settled before the row was lost: then its end does not matter.
    const { validAfter, validBefore } = payment.authorization;
    const now = this.#clock.now() / 1_000;
    if (!payment.bound && validBefore <= now) return challengeOf(terms, submission, "expired");
    if (validAfter > now) return challengeOf(terms, submission, "not_yet_valid");
    if (validBefore > now + MAX_AHEAD_SECONDS) return challengeOf(terms, submission, "too_long_valid");
    return offer;
  }

  async settle(payment: OfferedPayment): Promise<SettleOutcome> {
    return this.#alone(payment.key, payment.signedHash, () => this.#settle(payment));
  }

  /** Runs `work` unless the same is running already; then its outcome is the answer for both. */
  async #alone(key: AuthorizationKey, signedHash: string, work: () => Promise<SettleOutcome>): Promise<SettleOutcome> {
    const name = `${key.network}:${key.asset}:${key.from}:${key.nonce}:${signedHash}`.toLowerCase();
    const running = this.#inFlight.get(name);
    if (running !== undefined) return running;
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return unknownAnswer();
    const started = work().finally(() => this.#inFlight.delete(name));
    this.#inFlight.set(name, started);
    return started;
  }

  async #settle(payment: OfferedPayment): Promise<SettleOutcome> {
    const claim = await this.#options.table.claimPayment(this.#newPayment(payment));
    if (claim === null) return unknownAnswer();
    const { row, fresh } = claim;
    if (row.signedHash !== payment.signedHash) return refusalOf("payment_spent");
    if (row.transaction !== null) return this.#settled(payment, row, row.transaction);
    try {
      const { used, chainTime } = await this.#options.chain.authorization(payment.key);
      if (used) return await this.#spent(payment, row, fresh && !payment.bound);
      // The same nonce may have been signed again with a later end.
      const end = Math.max(row.validBefore, payment.authorization.validBefore);
      if (isOver(end, chainTime, fresh)) return await this.#release(payment, "expired");
      return await this.#conclude(payment, claim, await this.#askFacilitator(payment));
    } catch (error) {
      if (!(error instanceof EngramError)) throw error;
      this.#options.log.warn({ code: error.code }, "whether a payment was settled is not known yet");
      return await this.#unknown(payment);
    }
  }

  /** What the chain says of an authorization that is used. */
  async #spent(payment: OfferedPayment, row: PaymentRow, ignorePaid: boolean): Promise<SettleOutcome> {
    const outcome = await this.#options.chain.outcome(payment.key, { payTo: row.payTo, atLeast: row.amount });
    if (outcome.kind === "unseen") return await this.#unknown(payment);
    // It paid us, but before we heard of it, and nothing says that it was for this submission.
    if (outcome.kind === "lost" || ignorePaid) return await this.#release(payment, "spent");
    return this.#settled(payment, row, outcome.transaction);
  }

  async #conclude(payment: OfferedPayment, { row, fresh }: PaymentClaim, answer: SettleAnswer): Promise<SettleOutcome> {
    if (answer.kind === "settled") return this.#settled(payment, row, answer.transaction);
    // Whatever the facilitator says, the chain decides: its answer may be about a copy that came second.
    if ((await this.#options.chain.authorization(payment.key)).used) return await this.#spent(payment, row, false);
    // An earlier attempt may have sent it, and the chain may take it yet.
    return answer.kind === "refused" && fresh
      ? await this.#release(payment, answer.reason)
      : await this.#unknown(payment);
  }

  async #askFacilitator(payment: OfferedPayment): Promise<SettleAnswer> {
    const { facilitator, terms, settleMs = SETTLE_MS } = this.#options;
    // On the terms it was taken on: the price may have changed since.
    const { to: payTo, value: price } = payment.authorization;
    const taken = { ...terms, payTo, price };
    const asked = payment.version === 1 ? requirementsV1(taken, payment) : requirementsV2(taken);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("late")), settleMs);
    try {
      const answer = await Promise.race([facilitator.settle(payment.payload, asked), late]);
      if (!answer.success) this.#options.log.debug({ reason: answer.errorReason }, "a payment was not settled");
      return definiteReason(answer);
    } catch {
      return { kind: "unknown" };
    } finally {
      clearTimeout(timer);
    }
  }

  #settled(payment: OfferedPayment, row: PaymentRow, transaction: Hex): SettleOutcome {
    const { terms } = this.#options;
    const settled = {
      payer: payment.authorization.from,
      amount: `${row.amount}`,
      asset: terms.token.asset,
      network: terms.token.network,
      transaction,
      bound: row.bound,
    };
    const { state: _, transaction: __, ...stored } = row;
    const record = { ...stored, key: payment.key, transaction, now: this.#clock.now() };
    return { kind: "settled", settled, record, headers: settledHeaders(payment, settled, terms) };
  }

  async #release(payment: OfferedPayment, reason: Reason): Promise<PaymentChallenge> {
    const { key, signedHash } = payment;
    await this.#options.table.releasePayment({ key, signedHash, now: this.#clock.now() });
    return challengeOf(this.#options.terms, payment, reason);
  }

  async #unknown({ key, signedHash }: Pick<OfferedPayment, "key" | "signedHash">): Promise<SettleOutcome> {
    await this.#options.table.markPaymentUnknown({ key, signedHash, now: this.#clock.now() });
    return unknownAnswer();
  }

  #newPayment({ key, signedHash, authorization, bound }: OfferedPayment): NewPayment {
    const { to, value, validBefore } = authorization;
    return { key, signedHash, payTo: to, amount: value, validBefore, bound, now: this.#clock.now() };
  }

  async reconcile(): Promise<void> {
    const before = this.#clock.now() - SWEEP_AFTER_MS;
    for (const row of await this.#options.table.unsettledPayments({ before, limit: SWEEP_LIMIT })) {
      await this.#alone(row.key, row.signedHash, () => this.#sweep(row));
    }
  }

  /** Its answer goes to a request that came meanwhile: to send the same again is right for that one in every case. */
  async #sweep(row: PaymentRow): Promise<SettleOutcome> {
    const { chain, table } = this.#options;
    const now = this.#clock.now();
    const { used, chainTime } = await chain.authorization(row.key);
    if (!used) {
      if (isOver(row.validBefore, chainTime, false))
        await table.releasePayment({ key: row.key, signedHash: row.signedHash, now });
      return unknownAnswer();
    }
    const outcome = await chain.outcome(row.key, { payTo: row.payTo, atLeast: row.amount });
    const { state: _, transaction: __, ...stored } = row;
    if (outcome.kind === "paid") await table.recordSettlement({ ...stored, transaction: outcome.transaction, now });
    if (outcome.kind === "lost") await table.releasePayment({ key: row.key, signedHash: row.signedHash, now });
    // Behind those that were not asked about yet: what is never seen must not keep them waiting.
    if (outcome.kind === "unseen") await this.#unknown(row);
    return unknownAnswer();
  }
}

/**
 * Whether the chain takes the authorization no more. What was tried before may be in a block newer than the one that
 * was asked about: only well behind its end is it known to be unspent.
 */
function isOver(validBefore: number, chainTime: number, fresh: boolean): boolean {
  return validBefore + (fresh ? 0 : END_MARGIN_SECONDS) <= chainTime;
}
