import { createHash } from "node:crypto";
import { z } from "zod";
import { EngramError } from "../crypto/errors.ts";
import { fromHex, toHex } from "../crypto/hex.ts";
import { loadSr25519 } from "../crypto/sr25519.ts";
import { decodeHotkey, type Hotkey, isHotkey } from "../crypto/ss58.ts";
import { fromPlain } from "../crypto/subnet-json.ts";
import { writeCanonical } from "../crypto/subnet-json-writer.ts";

const RECEIPT_MESSAGE = "engram-relay-receipt:v1:";

/** What the first receipt of a gateway names as the one before it. */
export const NO_RECEIPT_HASH = "0".repeat(64);

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const hotkey = z.string().refine(isHotkey, "is no SS58 address of prefix 42");
const hex = (digits: number) => z.templateLiteral(["0x", z.string().regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`))]);

/** The payment of a receipt: whose money moved, and whether the payer's signature covers this very submission. */
const receiptPayment = z.strictObject({
  payer: hex(40),
  /** Decimal, in the token's smallest unit. */
  amount: z.string().regex(/^[0-9]{1,30}$/),
  asset: hex(40),
  network: z.templateLiteral(["eip155:", z.int().nonnegative()]),
  transaction: hex(64),
  bound: z.boolean(),
  /** Keeps those who are shown the hash alone from finding the payment by trying transactions. */
  salt: hash,
});

const receiptBody = z.strictObject({
  /** 1, 2, 3 … without a gap, in the order of acceptance. */
  gateway_seq: z.int().positive(),
  prev_receipt_hash: hash,
  signed_hash: hash,
  output_hash: hash,
  output_type: z.enum(["ranking", "memory", "inference"]),
  assurance: z.enum(["quorum", "author", "payer"]),
  /** `quorumHash` of the signatures that counted; null below `quorum`. */
  qc_hash: hash.nullable(),
  /** The gateway's finalized head when it accepted. */
  accepted_at_block: count,
  accepted_at_ms: count,
  /** `ChainClient.identity()`: a receipt of a simulated chain says nothing about another one. */
  chain: z.string().min(1).max(200),
  /** `paymentHash` of the payment; null when there was none. */
  payment_hash: hash.nullable(),
});

/** The wire form of a receipt: its body, what proves it, and the payment for those who may see it. */
export const receiptSchema = receiptBody.extend({
  /** The submitter and readers with the scope `payers` are shown it; absent for everybody else. */
  payment: receiptPayment.nullable().optional(),
  gateway_hotkey: hotkey,
  /** SHA-256 of the body's canonical bytes, lowercase hex: the next receipt names it. */
  receipt_hash: hash,
  signature: hex(128),
});

type SignedBody = Readonly<z.output<typeof receiptBody>>;
type ReceiptPayment = Readonly<z.output<typeof receiptPayment>>;

/** What a gateway states when it accepts a submission. */
export type ReceiptBody = Omit<SignedBody, "payment_hash"> & { readonly payment: ReceiptPayment | null };
/** A signed statement of the gateway that it accepted and stored a submission (guide 4.6). */
export type Receipt = Readonly<z.output<typeof receiptSchema>>;

/** Signs as one hotkey. */
export interface ReceiptSigner {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

/** The canonical text of a receipt's body: compact JSON, keys sorted, ASCII (spec 1.3). */
function receiptText(body: SignedBody): string {
  return writeCanonical(fromPlain(receiptBody.parse(pickBody(body))));
}

/** Signs `body`; its hash is what the next receipt must name. */
export function signReceipt({ payment, ...rest }: ReceiptBody, signer: ReceiptSigner): Receipt {
  const body = pickBody({ ...rest, payment_hash: payment && paymentHash(payment) });
  const receipt_hash = sha256(receiptText(body));
  const signature: Receipt["signature"] = `0x${toHex(signer.sign(messageOf(receipt_hash)))}`;
  return { ...body, payment, gateway_hotkey: signer.hotkey, receipt_hash, signature };
}

/** SHA-256, lowercase hex, of a payment's canonical bytes: stands for it in the receipt. */
function paymentHash(payment: ReceiptPayment): string {
  return sha256(writeCanonical(fromPlain(payment)));
}

/** The receipt as those see it who may not know who paid: it proves the same. */
export function withoutPayment({ payment: _, ...receipt }: Receipt): Receipt {
  return receipt;
}

/**
 * The receipt in `value`, parsed JSON from outside, when the pinned `gateway` signed it. Pass `signedHash` to demand
 * that it is about that submission.
 *
 * Errors: `RECEIPT_INVALID`.
 */
export async function verifyReceipt(value: unknown, gateway: Hotkey, signedHash?: string): Promise<Receipt> {
  const parsed = receiptSchema.safeParse(value);
  if (!parsed.success) throw invalid("it has not the form of one");
  const receipt: Receipt = parsed.data;
  if (receipt.gateway_hotkey !== gateway) throw invalid("another hotkey than the gateway's issued it");
  const { payment, payment_hash } = receipt;
  if (payment !== undefined && (payment && paymentHash(payment)) !== payment_hash) {
    throw invalid("its payment is not the one it was signed for");
  }
  if (receipt.receipt_hash !== sha256(receiptText(receipt))) throw invalid("its hash is not that of its content");
  const signature = fromHex(receipt.signature, 64);
  const key = decodeHotkey(gateway);
  const { verify } = await loadSr25519();
  if (!signature || !key || !verify(signature, messageOf(receipt.receipt_hash), key)) {
    throw invalid("its signature is not the gateway's");
  }
  if (signedHash !== undefined && receipt.signed_hash !== signedHash) throw invalid("it is about another submission");
  return receipt;
}

/** Whether `next` comes directly after `previous` (null: it is the first) in one gateway's chain. */
export function followsReceipt(previous: Receipt | null, next: Receipt): boolean {
  if (previous === null) return next.gateway_seq === 1 && next.prev_receipt_hash === NO_RECEIPT_HASH;
  return (
    next.gateway_hotkey === previous.gateway_hotkey &&
    next.gateway_seq === previous.gateway_seq + 1 &&
    next.prev_receipt_hash === previous.receipt_hash
  );
}

/**
 * Checks receipts in the order of their numbers: every signature, and every link between them. They may begin
 * anywhere in the chain. Errors: `RECEIPT_INVALID`; two that name the same number prove that the gateway lied.
 */
export async function verifyReceiptChain(values: readonly unknown[], gateway: Hotkey): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (const value of values) {
    const receipt = await verifyReceipt(value, gateway);
    const previous = receipts.at(-1);
    if (previous && !followsReceipt(previous, receipt)) throw invalid("it does not follow the one before it");
    receipts.push(receipt);
  }
  return receipts;
}

/** A validator's signature under a submission: the proposer's, or a co-signature. */
export interface QuorumSignature {
  readonly validator_hotkey: string;
  readonly signature: string;
}

/** SHA-256, lowercase hex, of the signatures that made a quorum under `signed_hash`; their order does not matter. */
export function quorumHash(signedHash: string, signatures: readonly QuorumSignature[]): string {
  const sorted = signatures
    .map(({ validator_hotkey, signature }) => ({ validator_hotkey, signature: signature.toLowerCase() }))
    .sort((left, right) => (left.validator_hotkey < right.validator_hotkey ? -1 : 1));
  return sha256(writeCanonical(fromPlain({ signed_hash: signedHash, signatures: sorted })));
}

function pickBody(body: SignedBody): SignedBody {
  return {
    gateway_seq: body.gateway_seq,
    prev_receipt_hash: body.prev_receipt_hash,
    signed_hash: body.signed_hash,
    output_hash: body.output_hash,
    output_type: body.output_type,
    assurance: body.assurance,
    qc_hash: body.qc_hash,
    accepted_at_block: body.accepted_at_block,
    accepted_at_ms: body.accepted_at_ms,
    chain: body.chain,
    payment_hash: body.payment_hash,
  };
}

/** Its own message, so that no signature made for anything else is one of a receipt. */
function messageOf(receiptHash: string): Uint8Array {
  return Buffer.from(RECEIPT_MESSAGE + receiptHash, "ascii");
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function invalid(why: string): EngramError {
  return new EngramError("RECEIPT_INVALID", `this receipt does not hold: ${why}`, {
    fix: "check the gateway's pinned hotkey; if it is right, do not count the submission as delivered",
  });
}
