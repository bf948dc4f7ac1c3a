import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { SignatureVerifier } from "../../node/runtime/signature-pool.ts";
import { inSpan } from "../../node/runtime/tracing.ts";
import { ANCHOR_BLOCK_HEADER, type AnchorRule, needsAnchor } from "../anchor.ts";
import { isQuorum, type Votes } from "../quorum.ts";
import { type QuorumSignature, type Receipt, withoutPayment } from "../receipt.ts";
import type { ChainCheck, ChainState } from "./chain-check.ts";
import type { Accepted, Conflict, Lacking } from "./gateway-operations.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { judgeVotes } from "./judge-votes.ts";
import { judgeLate, unknownSignatures } from "./late-signatures.ts";
import type { SubmissionGate } from "./payment-port.ts";
import type { HeaderReader, OfferedPayment, PaymentChallenge, SettleOutcome } from "./payment-types.ts";
import type { PermittedSets } from "./permitted-sets.ts";
import { parseSubmission, verifySubmission } from "./read-submission.ts";
import type { Reader } from "./readers.ts";
import { type Answer, GatewayRefusal } from "./refusal.ts";
import { isAtLeast, mergeSignatures, type StoredSubmission, type Submission } from "./submission.ts";

export interface DeskOptions {
  readonly netuid: number;
  readonly anchor: AnchorRule;
  /** Submissions of one hotkey that may lack validators or payment at a time. */
  readonly maxPending: number;
  /** Where submissions are sent, the absolute URL: what is paid for. */
  readonly resource: string;
}

export interface DeskDeps {
  readonly store: GatewayStore;
  readonly gate: SubmissionGate;
  readonly chain: ChainCheck;
  readonly sets: PermittedSets;
  readonly verifier: SignatureVerifier;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hears of every new receipt. */
  readonly onAccepted: () => void;
}

interface Checked {
  readonly submission: Submission;
  readonly votes: Votes | null;
  readonly anchored: boolean;
  readonly state: ChainState;
  /** Whether its author may vote: only what such a one sent is kept while it lacks signatures. */
  readonly byVoter: boolean;
  /** Of the same text at a lesser assurance. */
  readonly receipts: readonly Receipt[];
}

const PENDING_RETRY_SECONDS = 30;

/**
 * The way of a submission (design: gateway): size → schema → hashes → signatures → finality → validator, stake,
 * quorum → anchor → payment → stored with its receipt. Nothing is charged that could still be refused.
 */
export class SubmissionDesk {
  readonly #options: DeskOptions;
  readonly #deps: DeskDeps;

  constructor(options: DeskOptions, deps: DeskDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Throws `GatewayRefusal`. */
  async submit(wire: string, headers: HeaderReader, reader: Reader): Promise<Answer> {
    const parsed = parseSubmission(wire);
    const { signedHash } = parsed.submission;
    const key = headers.get("idempotency-key");
    if (key !== null && key !== signedHash) {
      throw new GatewayRefusal("malformed", "Idempotency-Key must be the signed_hash");
    }
    const known = await this.#deps.store.call("submissions", { signedHash });
    const stored = acceptedOf(known, parsed.submission);
    // The same bytes were verified when they came first.
    if (stored && stored.row.wire === wire) return this.#again(stored.receipt, headers, reader);
    const read = await verifySubmission(this.#deps.verifier, parsed);
    if (stored) {
      await this.addLate(stored.row, read, read.signatures);
      return this.#again(stored.receipt, headers, reader);
    }
    const checked = await inSpan({ name: "gateway.check" }, () => this.#check(read, known, headers));
    const lacking = lackingOf(checked, this.#options.anchor);
    return lacking === null ? this.#take(checked, headers) : this.#pend(checked, lacking);
  }

  /** The receipt once more; who paid is told to those who show that they did, or may know. */
  async #again(receipt: Receipt, headers: HeaderReader, reader: Reader): Promise<Answer> {
    if (!receipt.payment || reader.has("payers")) return received("duplicate", receipt);
    const { signed_hash: signedHash, payment } = receipt;
    const offer = await this.#deps.gate.require({ signedHash, resource: this.#options.resource }, headers);
    const isPayer =
      offer.kind === "offered" && offer.payment.authorization.from.toLowerCase() === payment.payer.toLowerCase();
    return received("duplicate", isPayer ? receipt : withoutPayment(receipt));
  }

  /** Raises what is known of an accepted submission; nothing else changes. Throws `GatewayRefusal`. */
  async addLate(row: StoredSubmission, read: Submission, offered: readonly QuorumSignature[]): Promise<void> {
    const { store, sets, verifier, chain } = this.#deps;
    const late = row.assurance === "quorum" ? unknownSignatures(row, offered) : [];
    if (late.length === 0) return;
    const { identity } = await chain.finalState(read);
    const added = await judgeLate(verifier, row, read, late, await sets.at(read.block, identity));
    if (added) await store.call("addLate", added);
  }

  /** Goes on with what is kept, signed by one more; whatever costs money waits for its author. Throws `GatewayRefusal`. */
  async resume(read: Submission, known: readonly StoredSubmission[]): Promise<Answer> {
    const checked = await this.#check(read, known, new Headers());
    const lacking = lackingOf(checked, this.#options.anchor);
    if (lacking !== null) return this.#pend(checked, lacking);
    const { signedHash } = checked.submission;
    const required = await this.#deps.gate.require({ signedHash, resource: this.#options.resource }, new Headers());
    return required.kind === "free" ? this.#accept(checked, null) : this.#pend(checked, "payment_due");
  }

  async #check(read: Submission, known: readonly StoredSubmission[], headers: HeaderReader): Promise<Checked> {
    if (read.netuid !== this.#options.netuid) {
      throw new GatewayRefusal("chain_mismatch", `this gateway takes outputs of netuid ${this.#options.netuid}`);
    }
    if (read.assurance === "payer" && this.#deps.gate.price === 0) {
      throw new GatewayRefusal("bad_signature", "submissions are free here, so that they must be signed");
    }
    const { chain, sets } = this.#deps;
    const receipts = known.flatMap(({ receipt }) => receipt ?? []);
    const state = await chain.finalState(read);
    if (read.assurance !== "quorum") {
      return { submission: read, votes: null, state, receipts, anchored: false, byVoter: false };
    }
    const earlier = known.find(({ assurance }) => assurance === "quorum");
    const submission = { ...read, signatures: mergeSignatures(earlier?.signatures ?? [], read.signatures) };
    const permitted = await sets.at(read.block, state.identity);
    const { votes, signatures } = judgeVotes(submission, permitted);
    const byVoter = permitted.validators.some(({ hotkey }) => hotkey === read.hotkey);
    // Once seen at a final block, it stays true; another output of the round would still end it.
    const isAnchored = isQuorum(votes) && (await this.#isAnchored(submission, state, headers));
    const anchored = isAnchored || earlier?.anchored === true;
    return { submission: { ...submission, signatures }, votes, state, receipts, anchored, byVoter };
  }

  /**
   * Asked last of the chain: only what has its quorum is looked up, at the finalized head and, where a later round took
   * its place there, at the final block that the relay names. Throws `GatewayRefusal` `chain_mismatch`.
   */
  async #isAnchored(submission: Submission, { identity, finalized }: ChainState, headers: HeaderReader) {
    const { hotkey, block, roundId, outputHash, outputType } = submission;
    if (hotkey === null || outputType !== "ranking" || !needsAnchor(identity, this.#options.anchor)) return false;
    const named = anchorBlockOf(headers);
    const isFinal = named !== null && named >= block && named <= finalized.number;
    const { chain } = this.#deps;
    let found = await chain.anchor(hotkey, { roundId, outputHash });
    if (found === "missing" && isFinal) found = await chain.anchor(hotkey, { roundId, outputHash }, named);
    if (found !== "differs") return found === "anchored";
    throw new GatewayRefusal("chain_mismatch", "its author anchored another output of its round on the chain");
  }

  /** 202: kept until it has what it lacks, and not paid for (design: x402). */
  async #pend(checked: Checked, status: Lacking): Promise<Answer> {
    // Hotkeys cost nothing: a stranger's memory without its quorum is not kept, and comes again with more signatures.
    if (checked.byVoter || status !== "pending_quorum") await this.#keep(checked, status);
    const { signedHash } = checked.submission;
    return {
      status: 202,
      headers: { "retry-after": `${PENDING_RETRY_SECONDS}` },
      body: { status, signed_hash: signedHash, receipt: null, quorum: checked.votes },
    };
  }

  async #keep({ submission, votes, anchored }: Checked, state: Lacking): Promise<void> {
    const { store, clock } = this.#deps;
    const limit = this.#options.maxPending;
    const kept = await store.call("keepOpen", { submission, votes, anchored, state, limit, now: clock.now() });
    if (kept.kind === "conflict") throw this.#conflict(submission, kept);
    if (kept.kind === "kept") return;
    throw new GatewayRefusal("too_many_pending", "complete what is pending first", PENDING_RETRY_SECONDS);
  }

  async #take(checked: Checked, headers: HeaderReader): Promise<Answer> {
    const { gate } = this.#deps;
    const { signedHash } = checked.submission;
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

  async #ask(checked: Checked, challenge: PaymentChallenge): Promise<Answer> {
    // Strangers' submissions are not kept unpaid: there would be no end to them.
    if (checked.votes) await this.#keep(checked, "payment_due");
    return challenge;
  }

  /** Nonce and round are held before money moves, so that nothing paid for can be refused. */
  async #charge(checked: Checked, payment: OfferedPayment): Promise<Answer> {
    const { store, gate, clock } = this.#deps;
    const { submission, votes, anchored } = checked;
    const reserved = await store.call("reserve", { submission, votes, anchored, now: clock.now() });
    if (reserved.kind === "conflict") throw this.#conflict(submission, reserved);
    const settled = await inSpan({ name: "gateway.settle" }, async (span) => {
      const outcome = await gate.settle(payment);
      span.set({ "engram.outcome": outcome.kind });
      return outcome;
    });
    // What a receipt names was paid before, and moved no money now: readers take one item for one payment.
    const outcome = isOnReceipt(checked, settled) ? gate.challenge(payment) : settled;
    if (outcome.kind === "settled") return this.#accept(checked, outcome);
    // Unknown stays reserved: the money may have moved.
    if (outcome.kind !== "unknown") await store.call("release", { submission, now: clock.now() });
    return outcome;
  }

  async #accept({ submission, votes, anchored, state }: Checked, outcome: Settled | null): Promise<Answer> {
    const { store, clock, onAccepted } = this.#deps;
    const accepted = await inSpan({ name: "gateway.store" }, () =>
      store.call("accept", {
        submission,
        votes,
        anchored,
        payment: outcome === null ? null : { settled: outcome.settled, record: outcome.record },
        block: state.finalized.number,
        chain: state.identity,
        now: clock.now(),
      }),
    );
    if (accepted.kind === "conflict") throw this.#conflict(submission, accepted);
    onAccepted();
    return received(accepted.kind, accepted.receipt, outcome?.headers);
  }

  #conflict({ signedHash, roundId }: Submission, { of, final }: Conflict): GatewayRefusal {
    if (!final) return new GatewayRefusal("busy", "another submission of it is being paid for", 5);
    if (of === "window")
      return new GatewayRefusal("expired", "its author had far newer rounds accepted; it is too late");
    if (of === "nonce") return new GatewayRefusal("nonce_conflict", "its nonce was used for another submission");
    this.#deps.log.error({ signedHash, roundId }, "a second ranking was sent for one round");
    return new GatewayRefusal("round_conflict", "another ranking was accepted for its round");
  }
}

function anchorBlockOf(headers: HeaderReader): number | null {
  const text = headers.get(ANCHOR_BLOCK_HEADER) ?? "";
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : null;
}

function lackingOf(
  { submission, votes, anchored, state }: Checked,
  rule: AnchorRule,
): "pending_quorum" | "pending_chain" | null {
  if (votes && !isQuorum(votes)) return "pending_quorum";
  const isDue = submission.outputType === "ranking" && needsAnchor(state.identity, rule);
  return isDue && !anchored ? "pending_chain" : null;
}

type Settled = Extract<SettleOutcome, { readonly kind: "settled" }>;

/** What was accepted and says at least as much as is asked for now; the best one. */
function acceptedOf(known: readonly StoredSubmission[], { assurance }: Submission) {
  const accepted = known.flatMap((row) => (row.receipt === null ? [] : [{ row, receipt: row.receipt }]));
  const enough = accepted.filter(({ receipt }) => isAtLeast(receipt.assurance, assurance));
  return enough.sort((left, right) => (isAtLeast(left.receipt.assurance, right.receipt.assurance) ? -1 : 1))[0];
}

function isOnReceipt({ receipts }: Checked, outcome: SettleOutcome): boolean {
  if (outcome.kind !== "settled") return false;
  return receipts.some(({ payment }) => payment?.transaction === outcome.settled.transaction);
}

function received(kind: Accepted["kind"], receipt: Receipt, headers: Readonly<Record<string, string>> = {}): Answer {
  const status = kind === "accepted" ? 201 : 200;
  return { status, headers, body: { status: kind, signed_hash: receipt.signed_hash, receipt } };
}
