import { createCipheriv } from "node:crypto";

const BYTES_PER_NUMBER = 8;
const HALF_RANGE = 0xffff / 2;
/** Of `pseudoNormals`: four uniform numbers of 16 bits, added. */
export const PSEUDO_NORMAL_DEVIATION = Math.sqrt((4 * (0x10000 ** 2 - 1)) / 12);

/**
 * Numbers that are close to normal around 0, the same everywhere for one 32-byte key and unforeseeable without it. Exact
 * arithmetic, because logarithms may differ between engines.
 */
export function pseudoNormals(key: Uint8Array, length: number): readonly number[] {
  const stream = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  const bytes = stream.update(Buffer.alloc(length * BYTES_PER_NUMBER));
  return Array.from({ length }, (_, index) => oneOf(bytes, index * BYTES_PER_NUMBER));
}

function oneOf(bytes: Buffer, at: number): number {
  const sum =
    bytes.readUInt16LE(at) + bytes.readUInt16LE(at + 2) + bytes.readUInt16LE(at + 4) + bytes.readUInt16LE(at + 6);
  return sum - 4 * HALF_RANGE;
}
