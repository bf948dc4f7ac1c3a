import { randomBytes } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { WriteContext } from "../../node/runtime/store-host.ts";
import type { SettledPayment } from "../payment/payment-types.ts";
import type { Votes } from "../quorum.ts";
import { type QuorumSignature, quorumHash, type Receipt, type ReceiptSigner, signReceipt } from "../receipt.ts";
import { conflictOperations } from "./conflict-operations.ts";
import type { GatewayStoreOptions } from "./gateway-store.ts";
import { ledgerOperations } from "./ledger-operations.ts";
import { createPaymentOperations } from "./payment-operations.ts";
import type { SettlementRecord } from "./payment-types.ts";
import { permittedOperations } from "./permitted-operations.ts";
import { readerOperations } from "./reader-operations.ts";
import { mergeSignatures, type StoredSubmission, type Submission } from "./submission.ts";
import {
  type FeedQuery,
  type ReceiptQuery,
  type StoredRow,
  submissionStatements,
  toStored,
} from "./submission-statements.ts";
import { webhookOperations } from "./webhook-operations.ts";

/** What was checked of a submission, with what the check found. */
export interface Checked {
  readonly submission: Submission;
  /** Null below `quorum`. */
  readonly votes: Votes | null;
  /** Whether its author anchored it on the chain. */
  readonly anchored: boolean;
  /** Unix milliseconds. */
  readonly now: number;
}

export interface Acceptance extends Checked {
  readonly payment: { readonly settled: SettledPayment; readonly record: SettlementRecord } | null;
  /** The finalized head's number, and the chain's identity. */
  readonly block: number;
  readonly chain: string;
}

/** What a receipt is made of. */
interface Accepting extends Pick<Acceptance, "block" | "chain" | "now"> {
  readonly submission: Pick<Submission, "signedHash" | "assurance" | "outputHash" | "outputType" | "signatures">;
  readonly payment: SettledPayment | null;
}

/**
 * Another submission has the nonce, or is the round's ranking; `final` when it is accepted and stays so. `window`: it is
 * so many rounds behind what its author had accepted that it is taken no more.
 */
export interface Conflict {
  readonly kind: "conflict";
  readonly of: "nonce" | "round" | "window";
  readonly final: boolean;
}

/** Rounds that a hotkey's late submissions may be behind its newest (guide 4.6): no clock decides what is too late. */
const WINDOW_ROUNDS = 1_024;

/** What is kept open may lack. */
export type Lacking = "pending_quorum" | "pending_chain" | "payment_due";

export interface LateSignatures {
  readonly signedHash: string;
  readonly late: readonly QuorumSignature[];
  /** With them. */
  readonly votes: Votes;
}

export type Accepted = { readonly kind: "accepted" | "duplicate"; readonly receipt: Receipt };

/**
 * The gateway's store: submissions, their receipts and the payments, in one file, so that "settled", "stored" and
 * "receipted" are one commit. Receipts are signed inside it: their numbers have no gaps and their chain no forks,
 * however many processes open the file.
 */
export function createGatewayOperations(
  database: SqliteDatabase,
  signer: ReceiptSigner,
  options: GatewayStoreOptions = { anyKey: false },
) {
  const payments = createPaymentOperations(database);
  const permitted = permittedOperations(database);
  const conflicts = conflictOperations(database);
  const readers = readerOperations(database);
  const webhooks = webhookOperations(database);
  const ledger = ledgerOperations(database, signer, options);
  const sql = submissionStatements(database);

  function stored(signedHash: string, assurance: string): StoredRow | undefined {
    return sql.one.get({ signedHash, assurance });
  }

  function conflictOf(submission: Submission, now: number): Conflict | null {
    const { signedHash, hotkey, nonce, netuid, roundId, outputType } = submission;
    if (hotkey !== null && (sql.newestRound.get({ hotkey }) ?? 0) - roundId >= WINDOW_ROUNDS) {
      return { kind: "conflict", of: "window", final: true };
    }
    const sameNonce = hotkey === null ? undefined : sql.sameNonce.get({ signedHash, hotkey, nonce });
    if (sameNonce) return { kind: "conflict", of: "nonce", final: sameNonce.state === "accepted" };
    const sameRound = outputType === "ranking" ? sql.sameRound.get({ signedHash, netuid, roundId }) : undefined;
    if (!sameRound) return null;
    const final = sameRound.state === "accepted";
    if (final) conflicts.keepEvidence(submission, sameRound.signed_hash, now);
    return { kind: "conflict", of: "round", final };
  }

  function sign({ submission, payment, block, chain, now }: Accepting): Receipt {
    const { seq, previousHash } = ledger.nextLink();
    const { signedHash, outputHash, outputType, assurance, signatures } = submission;
    return signReceipt(
      {
        gateway_seq: seq,
        prev_receipt_hash: previousHash,
        signed_hash: signedHash,
        output_hash: outputHash,
        output_type: outputType,
        assurance,
        qc_hash: assurance === "quorum" ? quorumHash(signedHash, signatures) : null,
        accepted_at_block: block,
        accepted_at_ms: now,
        chain,
        payment: payment && { ...payment, salt: randomBytes(32).toString("hex") },
      },
      signer,
    );
  }

  /** Makes the receipt of a row that is `settling`, in this transaction. */
  function receiptFor(accepting: Accepting): Receipt {
    const receipt = sign(accepting);
    const { signedHash, assurance } = accepting.submission;
    const { changes } = sql.accept.run({
      signedHash,
      assurance,
      seq: receipt.gateway_seq,
      receipt: JSON.stringify(receipt),
      now: accepting.now,
    });
    if (changes !== 1) throw new EngramError("STORE_FAILED", "a submission vanished while it was stored");
    sql.noteRound.run({ signedHash, assurance });
    return receipt;
  }

  return {
    reads: {
      ...payments.reads,
      ...permitted.reads,
      ...conflicts.reads,
      ...readers.reads,
      ...webhooks.reads,
      ...ledger.reads,
      /** Everything known of a submission, at every assurance. */
      submissions: ({ signedHash }: { readonly signedHash: string }): readonly StoredSubmission[] =>
        sql.all.all({ signedHash }).map(toStored),
      feed: (query: FeedQuery): readonly StoredSubmission[] => sql.feed(query).map(toStored),
      receipts: (query: ReceiptQuery): readonly Receipt[] =>
        sql.receipts.all(query).map(({ receipt }) => JSON.parse(receipt) as Receipt),
      /** How many submissions have no receipt, by state. */
      open: (_: null): Readonly<Record<string, number>> => ({
        ...{ pending_quorum: 0, pending_chain: 0, payment_due: 0, settling: 0 },
        ...Object.fromEntries(sql.open.all().map(({ state, count }) => [state, count])),
      }),
      lastSeq: (_: null): number => sql.last.get()?.seq ?? 0,
    },
    writes: {
      ...payments.writes,
      ...permitted.writes,
      ...readers.writes,
      ...webhooks.writes,
      ...ledger.writes,
      /** Keeps what lacks validators, its anchor or payment, at most `limit` of one hotkey. */
      keepOpen: (
        input: Checked & { readonly state: Lacking; readonly limit: number },
      ): Conflict | { readonly kind: "kept" | "full" } => {
        const { submission, state, limit, now } = input;
        const row = stored(submission.signedHash, submission.assurance);
        if (row?.state === "accepted" || row?.state === "settling") return { kind: "kept" };
        const conflict = conflictOf(submission, now);
        // What is only being paid for may yet fail.
        if (conflict?.final === true) return conflict;
        if (!row && (sql.openOf.get({ hotkey: submission.hotkey }) ?? 0) >= limit) return { kind: "full" };
        sql.put(input, state);
        return { kind: "kept" };
      },
      /** Adds signatures that came after acceptance: the receipt and its effect stay as they are. */
      addLate: ({ signedHash, late, votes }: LateSignatures): void => {
        const row = stored(signedHash, "quorum");
        if (!row?.receipt) return;
        const known = JSON.parse(row.late_signatures) as readonly QuorumSignature[];
        sql.raise.run({ signedHash, late: JSON.stringify(mergeSignatures(known, late)), ...votes });
      },
      /** Holds nonce and round for a submission that is about to be paid for. */
      reserve: (checked: Checked): Conflict | { readonly kind: "reserved" } => {
        const row = stored(checked.submission.signedHash, checked.submission.assurance);
        if (row?.state === "accepted") return { kind: "reserved" };
        const conflict = conflictOf(checked.submission, checked.now);
        if (conflict) return conflict;
        sql.put(checked, "settling");
        return { kind: "reserved" };
      },
      /** Gives up a reservation whose payment is known not to have moved. */
      release: ({ submission, now }: Pick<Checked, "submission" | "now">): void => {
        const { signedHash, assurance } = submission;
        if (assurance === "quorum") sql.unreserve.run({ signedHash, assurance, now });
        else sql.dropReserved.run({ signedHash, assurance });
      },
      /** Stores a submission, its settlement and its receipt; the same receipt when it was stored before. */
      accept: (acceptance: Acceptance): Accepted | Conflict => {
        const { submission, payment } = acceptance;
        const { signedHash, assurance } = submission;
        if (payment) payments.writes.recordSettlement(payment.record);
        const row = stored(signedHash, assurance);
        if (row?.receipt) return { kind: "duplicate", receipt: JSON.parse(row.receipt) as Receipt };
        const conflict = conflictOf(submission, acceptance.now);
        if (conflict) return conflict;
        sql.put(acceptance, "settling");
        const receipt = receiptFor({ ...acceptance, payment: payment?.settled ?? null });
        return { kind: "accepted", receipt };
      },
      /** Accepts what was checked and paid for, and not stored because the gateway was killed in between. */
      adoptPaid: (input: Pick<Acceptance, "block" | "chain" | "now">): readonly Receipt[] => {
        const found = sql.paidButOpen();
        // Of what is open at two assurances one at a time: the payment may be used by then.
        const isFirst = ({ row }: (typeof found)[number], index: number) =>
          found.findIndex((one) => one.row.signed_hash === row.signed_hash) === index;
        return found
          .filter(isFirst)
          .map(({ row, payment }) => receiptFor({ ...input, submission: toStored(row), payment }));
      },
      /** Forgets the bodies of what was accepted before; receipts, hashes and signatures stay for ever. */
      dropBodies: (input: { readonly before: number }, context: WriteContext): number => {
        const { changes } = sql.dropBodies.run(input);
        if (changes > 0) context.eraseLog();
        return changes;
      },
      /** Drops what nobody completed; a reservation stays while its payment may still turn out settled. */
      expire: ({ before }: { readonly before: number }): number => sql.expire.run({ before }).changes,
    },
  };
}

export type GatewayOperations = ReturnType<typeof createGatewayOperations>;
