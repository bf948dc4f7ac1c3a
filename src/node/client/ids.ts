import { randomBytes } from "node:crypto";
import type { MemoryId } from "./memory.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const ID_BYTES = 10;
const WHOLE = /^m_[a-z2-7]{16}$/;
const PREFIX = /^m_[a-z2-7]{8,16}$/;

/** A new memory id: 80 random bits. */
export function newMemoryId(): MemoryId {
  return `m_${base32(randomBytes(ID_BYTES))}` as MemoryId;
}

/** Whether `text` may stand for a memory: a whole id, or its beginning of at least 8 characters after `m_`. */
export function isMemoryIdPrefix(text: string): boolean {
  return PREFIX.test(text);
}

/** Whether `text` is a whole memory id. */
export function isMemoryId(text: string): boolean {
  return WHOLE.test(text);
}

/** A code a person types: 40 random bits, without characters that look alike in most fonts. */
export function newApprovalCode(): string {
  return base32(randomBytes(5));
}

function base32(bytes: Uint8Array): string {
  let bits = "";
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  return (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five, 2)]).join("");
}
