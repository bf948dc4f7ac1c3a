import { createHash } from "node:crypto";
import { z } from "zod";
import { fromHex, toHex } from "../crypto/hex.ts";
import { loadSr25519 } from "../crypto/sr25519.ts";
import { decodeHotkey, type Hotkey, isHotkey } from "../crypto/ss58.ts";
import { fromPlain } from "../crypto/subnet-json.ts";
import { writeCanonical } from "../crypto/subnet-json-writer.ts";
import type { ReceiptSigner } from "./receipt.ts";

/** Statements of a gateway about its chain of receipts: who signs it from where on, and where it stands. */

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const hotkey = z.string().refine(isHotkey, "is no SS58 address of prefix 42");
const signature = z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{128}$/)]);
const ledger = z.string().regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, dots, dashes");

export function isLedgerName(name: string): boolean {
  return ledger.safeParse(name).success;
}

const head = z.strictObject({ gateway_seq: z.int().positive(), receipt_hash: hash });
const chain = z.string().min(1).max(200);

const successionBody = z.strictObject({
  /** 1, 2, 3 … without a gap. */
  number: z.int().positive(),
  prev_statement_hash: hash,
  /** `start`: the first. `rotate`: another key signs on. `restore`: what came behind `previous` was lost. */
  kind: z.enum(["start", "rotate", "restore"]),
  ledger,
  /** The last receipt before; null when there was none. */
  previous: head.nullable(),
  /** The number of the next receipt: a restored ledger leaves a wide gap, so that no number is ever given twice. */
  first_seq: z.int().positive(),
  gateway_hotkey: hotkey,
  /** Who signed before; null at the start. */
  previous_hotkey: hotkey.nullable(),
  at_ms: count,
});

const succession = successionBody.extend({
  statement_hash: hash,
  signature,
  /** By the key before; null at the start, when the key stays, and when it was lost. */
  previous_signature: signature.nullable(),
});

const checkpointBody = z.strictObject({
  ledger,
  chain,
  gateway_hotkey: hotkey,
  /** The newest receipt; null while there is none. */
  head: head.nullable(),
  /** All of them, over every key and ledger. */
  receipts: count,
  /** The newest succession. */
  statement_hash: hash,
  at_ms: count,
});
const checkpoint = checkpointBody.extend({ checkpoint_hash: hash, signature });

export type SuccessionBody = Readonly<z.output<typeof successionBody>>;
// Interfaces, since declarations write them by their names: what a hotkey is made of has none outside its file.
export interface Succession extends Readonly<z.output<typeof succession>> {}
export type CheckpointBody = Readonly<z.output<typeof checkpointBody>>;
export interface Checkpoint extends Readonly<z.output<typeof checkpoint>> {}
export const successionSchema = succession;
export const checkpointSchema = checkpoint;

/** What the first statement names as the one before it. */
export const NO_STATEMENT_HASH = "0".repeat(64);
/** More receipts than are lost with one backup: a restored ledger goes on behind them. */
export const RESTORE_GAP = 1_000_000;

const SUCCESSION_MESSAGE = "engram-relay-succession:v1:";
const CHECKPOINT_MESSAGE = "engram-relay-checkpoint:v1:";

export function signSuccession(body: SuccessionBody, signer: ReceiptSigner, before: ReceiptSigner | null): Succession {
  const statement_hash = hashOf(successionBody.parse(body));
  const sign = (by: ReceiptSigner) => sealOf(by, SUCCESSION_MESSAGE + statement_hash);
  return { ...body, statement_hash, signature: sign(signer), previous_signature: before && sign(before) };
}

export function signCheckpoint(body: CheckpointBody, signer: ReceiptSigner): Checkpoint {
  const checkpoint_hash = hashOf(checkpointBody.parse(body));
  return { ...body, checkpoint_hash, signature: sealOf(signer, CHECKPOINT_MESSAGE + checkpoint_hash) };
}

/** The checkpoint in `value` when `hotkey` signed it; null otherwise. */
export async function verifyCheckpoint(value: unknown, gateway: Hotkey): Promise<Checkpoint | null> {
  const parsed = checkpoint.safeParse(value);
  if (!parsed.success || parsed.data.gateway_hotkey !== gateway) return null;
  const { checkpoint_hash, signature: seal, ...body } = parsed.data;
  const holds =
    checkpoint_hash === hashOf(body) && (await isSealed(gateway, CHECKPOINT_MESSAGE + checkpoint_hash, seal));
  return holds ? parsed.data : null;
}

/**
 * The successions in `values` when they are whole and in order, each signed by the key it names; null otherwise. Whether
 * the key before vouched for the next one is another question: see `GatewayKeys`.
 */
export async function verifySuccessions(values: unknown): Promise<readonly Succession[] | null> {
  const parsed = z.array(succession).min(1).max(1_000).safeParse(values);
  if (!parsed.success) return null;
  let before: Succession | null = null;
  for (const one of parsed.data) {
    if (!(await follows(before, one))) return null;
    before = one;
  }
  return parsed.data;
}

async function follows(before: Succession | null, one: Succession): Promise<boolean> {
  const { statement_hash, signature: seal, previous_signature, ...body } = one;
  const isNext =
    one.number === (before?.number ?? 0) + 1 &&
    one.prev_statement_hash === (before?.statement_hash ?? NO_STATEMENT_HASH) &&
    one.previous_hotkey === (before?.gateway_hotkey ?? null) &&
    (one.kind === "start") === (before === null) &&
    one.first_seq > (one.previous?.gateway_seq ?? 0) &&
    one.first_seq >= (before?.first_seq ?? 1);
  const message = SUCCESSION_MESSAGE + statement_hash;
  if (!isNext || statement_hash !== hashOf(body) || !(await isSealed(one.gateway_hotkey, message, seal))) return false;
  if (previous_signature === null) return true;
  return one.previous_hotkey !== null && (await isSealed(one.previous_hotkey, message, previous_signature));
}

function hashOf(body: object): string {
  return createHash("sha256")
    .update(writeCanonical(fromPlain(body)), "utf8")
    .digest("hex");
}

function sealOf(signer: ReceiptSigner, message: string): z.output<typeof signature> {
  return `0x${toHex(signer.sign(Buffer.from(message, "ascii")))}`;
}

async function isSealed(by: Hotkey, message: string, seal: string): Promise<boolean> {
  const [key, bytes] = [decodeHotkey(by), fromHex(seal, 64)];
  const { verify } = await loadSr25519();
  return key !== undefined && bytes !== undefined && verify(bytes, Buffer.from(message, "ascii"), key);
}
