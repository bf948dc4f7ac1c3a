import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { Receipt } from "../receipt.ts";
import type { ChainCheck, ChainState } from "./chain-check.ts";
import type { Accepted, Conflict } from "./gateway-operations.ts";
import type { GatewayStore } from "./gateway-store.ts";
import type { SubmissionGate } from "./payment-port.ts";
import type { HeaderReader, OfferedPayment, PaymentChallenge, SettleOutcome } from "./payment-types.ts";
import { countVotes } from "./quorum.ts";
import { readSubmission } from "./read-submission.ts";
import { type Answer, GatewayRefusal } from "./refusal.ts";
import { isAtLeast, mergeSignatures, type StoredSubmission, type Submission, type Votes } from "./submission.ts";

export interface DeskOptions {
  readonly netuid: number;
  readonly minStakeTao: number;
  /** Submissions of one hotkey that may lack validators or payment at a time. */
  readonly maxPending: number;
  /** Where submissions are sent, the absolute URL: what is paid for. */
  readonly resource: string;
}

export interface DeskDeps {
  readonly store: GatewayStore;
  readonly gate: SubmissionGate;
  readonly chain: ChainCheck;
  readonly sr25519: Sr25519;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hears of every new receipt. */
  readonly onAccepted: () => void;
}

interface Checked {
  readonly submission: Submission;
  readonly votes: Votes | null;
  readonly state: ChainState;
  /** Of the same text at a lesser assurance. */
  readonly receipts: readonly Receipt[];
}

const PENDING_RETRY_SECONDS = 30;

/**
 * The way of a submission (design: gateway): size → schema → signature and output hash → validator, stake → finality →
 * quorum → payment → stored with its receipt. Nothing is charged that could still be refused.
 */
export class SubmissionDesk {
  readonly #options: DeskOptions;
  readonly #deps: DeskDeps;

  constructor(options: DeskOptions, deps: DeskDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Throws `GatewayRefusal`. */
  async submit(wire: string, headers: HeaderReader): Promise<Answer> {
    const read = readSubmission(this.#deps.sr25519, wire);
    const key = headers.get("idempotency-key");
    if (key !== null && key !== read.signedHash) {
      throw new GatewayRefusal("malformed", "Idempotency-Key must be the signed_hash");
    }
    const known = await this.#deps.store.call("submissions", { signedHash: read.signedHash });
    const receipt = receiptOf(known, read);
    if (receipt) return received("duplicate", receipt);
    const checked = await this.#check(read, known);
    const { submission, votes } = checked;
    if (votes && votes.have < votes.need) return this.#pend(checked, votes);
    return this.#take(checked, submission, headers);
  }

  async #check(read: Submission, known: readonly StoredSubmission[]): Promise<Checked> {
    if (read.netuid !== this.#options.netuid) {
      throw new GatewayRefusal("chain_mismatch", `this gateway takes outputs of netuid ${this.#options.netuid}`);
    }
    if (read.assurance === "payer" && this.#deps.gate.price === 0) {
      throw new GatewayRefusal("bad_signature", "submissions are free here, so that they must be signed");
    }
    const { chain } = this.#deps;
    const receipts = known.flatMap(({ receipt }) => receipt ?? []);
    const state = await chain.state();
    if (read.assurance !== "quorum") {
      await chain.requireFinal(read, state);
      return { submission: read, votes: null, state, receipts };
    }
    const earlier = known.find(({ assurance }) => assurance === "quorum");
    const submission = { ...read, signatures: mergeSignatures(earlier?.signatures ?? [], read.signatures) };
    // Who could vote at a block is known once it is final.
    const { minStakeTao } = this.#options;
    const isKnown = read.block <= state.finalized.number;
    const count = isKnown ? countVotes(submission, await chain.metagraph(read.block), minStakeTao) : null;
    await chain.requireFinal(submission, state);
    if (count === null) throw new GatewayRefusal("not_final", "its block is not final yet; send it again later");
    return { submission: { ...submission, signatures: count.signatures }, votes: count.votes, state, receipts };
  }

  /** 202: kept until more validators signed, and not paid for (design: x402). */
  async #pend({ submission }: Checked, votes: Votes): Promise<Answer> {
    await this.#keep(submission, votes, "pending_quorum");
    const { signedHash } = submission;
    return {
      status: 202,
      headers: { "retry-after": `${PENDING_RETRY_SECONDS}` },
      body: { status: "pending_quorum", signed_hash: signedHash, receipt: null, quorum: votes },
    };
  }

  async #keep(submission: Submission, votes: Votes, state: "pending_quorum" | "payment_due"): Promise<void> {
    const { store, clock } = this.#deps;
    const limit = this.#options.maxPending;
    if (await store.call("keepOpen", { submission, votes, state, limit, now: clock.now() })) return;
    throw new GatewayRefusal("too_many_pending", "complete what is pending first", PENDING_RETRY_SECONDS);
  }

  async #take(checked: Checked, submission: Submission, headers: HeaderReader): Promise<Answer> {
    const { gate } = this.#deps;
    const { signedHash } = submission;
    const required = await gate.require({ signedHash, resource: this.#options.resource }, headers);
    switch (required.kind) {
      case "free":
        return this.#accept(checked, null);
      case "offered":
        return this.#charge(checked, required.payment);
      case "challenge":
        return this.#ask(checked, required);
      case "refused":
      case "unknown":
        return required;
    }
  }

  async #ask({ submission, votes }: Checked, challenge: PaymentChallenge): Promise<Answer> {
    // Strangers' submissions are not kept unpaid: there would be no end to them.
    if (votes) await this.#keep(submission, votes, "payment_due");
    return challenge;
  }

  /** Nonce and round are held before money moves, so that nothing paid for can be refused. */
  async #charge(checked: Checked, payment: OfferedPayment): Promise<Answer> {
    const { store, gate, clock } = this.#deps;
    const { submission, votes } = checked;
    const reserved = await store.call("reserve", { submission, votes, now: clock.now() });
    if (reserved.kind === "conflict") throw this.#conflict(submission, reserved);
    const settled = await gate.settle(payment);
    // What a receipt names was paid before, and moved no money now: readers take one item for one payment.
    const outcome = isOnReceipt(checked, settled) ? gate.challenge(payment) : settled;
    if (outcome.kind === "settled") return this.#accept(checked, outcome);
    // Unknown stays reserved: the money may have moved.
    if (outcome.kind !== "unknown") await store.call("release", { submission, now: clock.now() });
    return outcome;
  }

  async #accept({ submission, votes, state }: Checked, outcome: Settled | null): Promise<Answer> {
    const { store, clock, onAccepted } = this.#deps;
    const accepted = await store.call("accept", {
      submission,
      votes,
      payment: outcome === null ? null : { settled: outcome.settled, record: outcome.record },
      block: state.finalized.number,
      chain: state.identity,
      now: clock.now(),
    });
    if (accepted.kind === "conflict") throw this.#conflict(submission, accepted);
    onAccepted();
    return received(accepted.kind, accepted.receipt, outcome?.headers);
  }

  #conflict({ signedHash, roundId }: Submission, { of, final }: Conflict): GatewayRefusal {
    if (!final) return new GatewayRefusal("busy", "another submission of it is being paid for", 5);
    if (of === "nonce") return new GatewayRefusal("nonce_conflict", "its nonce was used for another submission");
    this.#deps.log.error({ signedHash, roundId }, "a second ranking was sent for one round");
    return new GatewayRefusal("round_conflict", "another ranking was accepted for its round");
  }
}

type Settled = Extract<SettleOutcome, { readonly kind: "settled" }>;

/** The receipt of what was accepted, when it says at least as much as is asked for now; the best one. */
function receiptOf(known: readonly StoredSubmission[], { assurance }: Submission): Receipt | undefined {
  const receipts = known
    .flatMap(({ receipt }) => receipt ?? [])
    .filter((found) => isAtLeast(found.assurance, assurance));
  return receipts.sort((left, right) => (isAtLeast(left.assurance, right.assurance) ? -1 : 1))[0];
}

function isOnReceipt({ receipts }: Checked, outcome: SettleOutcome): boolean {
  if (outcome.kind !== "settled") return false;
  return receipts.some(({ payment }) => payment?.transaction === outcome.settled.transaction);
}

function received(kind: Accepted["kind"], receipt: Receipt, headers: Readonly<Record<string, string>> = {}): Answer {
  const status = kind === "accepted" ? 201 : 200;
  return { status, headers, body: { status: kind, signed_hash: receipt.signed_hash, receipt } };
}
