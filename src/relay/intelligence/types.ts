import type { Hotkey } from "../../crypto/ss58.ts";
import type { Assurance, OutputType } from "../payload/types.ts";
import type { Hex, PaymentNetwork } from "../payment/payment-types.ts";
import type { Receipt } from "../receipt.ts";

/** Which items are asked for. */
export interface IntelligenceQuery {
  /** Empty or absent for all. */
  readonly types?: readonly OutputType[] | undefined;
  /** `quorum` when absent: what less than a quorum of validators says is asked for by name. */
  readonly minAssurance?: Assurance | undefined;
  /** Items behind this sequence number, oldest first. Absent: a read brings the newest, a stream what is to come. */
  readonly after?: number | undefined;
  /** Accepted at or after this time, unix milliseconds. */
  readonly sinceMs?: number | undefined;
  /** Of one read, 1 to 100, default 20. */
  readonly limit?: number | undefined;
}

/** Validators that agreed, one a coldkey, and how many it takes at that block. */
export interface CheckedQuorum {
  readonly votes: number;
  readonly needed: number;
}

/** The payment that the receipt states. */
export interface CheckedPayment {
  readonly payer: Hex;
  /** Decimal, in the token's smallest unit. */
  readonly amount: string;
  readonly network: PaymentNetwork;
  readonly asset: Hex;
  readonly transaction: Hex;
  /** Whether the payer signed for this very submission: the gateway's word. */
  readonly bound: boolean;
  /** True: the transfer was found on the payment chain. Null: no payment chain was configured to look at. */
  readonly settled: true | null;
}

/** An item with what this reader itself checked of it; never the gateway's word, but where it says so. */
export interface CheckedItem {
  /** The submission's `signed_hash`. */
  readonly id: string;
  /** Its number in the gateway's receipts. */
  readonly seq: number;
  readonly netuid: number;
  /** The finalized block it was made at. */
  readonly block: number;
  /** The chain's identity: an item of a simulated chain says nothing about another one. */
  readonly chain: string;
  readonly outputType: OutputType;
  readonly assurance: Assurance;
  /** Null for a plain paid one. */
  readonly author: Hotkey | null;
  /** Validators that signed with the author. */
  readonly cosigners: readonly Hotkey[];
  /** Null below `quorum`. */
  readonly quorum: CheckedQuorum | null;
  /** Whether the receipt names a payment. Who made it is told to readers that the gateway lets know. */
  readonly paid: boolean;
  /** Whether the payer signed for this very submission, by the gateway's word; null when nobody paid. */
  readonly payerBound: boolean | null;
  /** Null when there was none, or when this reader is not shown it. */
  readonly payment: CheckedPayment | null;
  readonly receipt: Receipt;
  /** Unix milliseconds: the gateway's word. */
  readonly acceptedAtMs: number;
  /** The output as it was signed: untrusted data from others, whatever was checked of it. */
  readonly content: unknown;
}

/** Why an item is none. */
export type IntelligenceProblem =
  /** The item, or what the gateway shows of it, has not the form of one; or is larger than any can be. */
  | "item_malformed"
  /** Another type or assurance than was asked for, or a number that was read already. */
  | "not_asked_for"
  /** Two items, or two receipts, of one number. */
  | "sequence_repeated"
  /** The gateway shows no receipt or no submission of it. */
  | "receipt_missing"
  /** Not signed by the pinned gateway, or about another submission. */
  | "receipt_invalid"
  /** The receipt says something else than the item, or than the submission. */
  | "receipt_differs"
  /** It does not follow the receipt before it. */
  | "receipt_chain_broken"
  /** What the submission itself disproves (spec 14.0). */
  | "malformed"
  | "non_canonical"
  | "bad_signature"
  | "output_hash_mismatch"
  /** The item's fields or content are not those of the submission. */
  | "content_differs"
  /** The submission asks for less than the item claims. */
  | "assurance_differs"
  /** Another chain or subnet, or a block that a reorganisation took away. */
  | "chain_mismatch"
  | "not_final"
  | "not_a_validator"
  /** The chain's nodes no longer know who could vote at its block: ask one that keeps the state of old blocks. */
  | "validators_unknown"
  /** Fewer validators than it takes. */
  | "quorum_missing"
  /** Other signatures than those the receipt covers. */
  | "quorum_differs"
  /** No such transfer on the payment chain, or none named where it is all that vouches. */
  | "payment_missing"
  /** The transaction moved another amount, from another payer, to another payee. */
  | "payment_differs"
  /** The transfer stands for another submission already. */
  | "payment_reused"
  /** Only a payment vouches for it, and no payment chain is configured to look at. */
  | "payment_unchecked"
  /** The gateway keeps failing to show what proves it. */
  | "withheld";

/** What is said to be more than it proves. */
export interface RefusedItem {
  readonly id: string;
  readonly seq: number;
  readonly problem: IntelligenceProblem;
}

export interface IntelligencePage {
  readonly items: readonly CheckedItem[];
  readonly refused: readonly RefusedItem[];
  /** Pass it as `after` to read on. */
  readonly next: number;
}

/**
 * Accepted outputs of a gateway, each checked by the reader itself.
 *
 * Errors: `HTTP_TIMEOUT`, `HTTP_UNREACHABLE`, `HTTP_TOO_LARGE`, `GATEWAY_UNAVAILABLE`, `GATEWAY_REFUSED`,
 * `GATEWAY_REPLY_INVALID`, `CHAIN_UNREACHABLE`, `PAYMENT_CHAIN_UNREACHABLE`, `PAYMENT_CHAIN_WRONG`; the signal's reason.
 */
export interface IntelligenceSource {
  /** One page. */
  read(query: IntelligenceQuery, signal: AbortSignal): Promise<IntelligencePage>;
  /** Items as they are accepted, each once and in order, across lost connections; ends when `signal` aborts. */
  follow(query: IntelligenceQuery, signal: AbortSignal): AsyncGenerator<CheckedItem | RefusedItem, void>;
}
