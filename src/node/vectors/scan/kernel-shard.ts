import { grow, type Kernel, type KernelInstance } from "./kernel.ts";

/** Rows of a chunk, and of one call of the kernel. */
export const CHUNK_ROWS = 4_096;
/** Rows the kernel reads at once: the products of a run are asked for in whole fours (see scan-kernel.wat). */
const ROWS_AT_ONCE = 4;
/** A shard's memory stays below this where one chunk does; 32-bit addresses end at 4 GiB. */
export const SHARD_BYTES = 2 ** 28;
/** Queries in one pass over the codes. */
export const GROUP = 4;

const PAD = 32;
const FIRST_BYTE = 64;

/** One thing of each row of a chunk, row by row. */
export interface Column {
  /** Where it begins in the chunk, in bytes. */
  readonly offset: number;
  /** Bytes a row. */
  readonly stride: number;
}

/** Where things stand in a shard's memory, in bytes, for vectors of `dim` numbers. */
export interface ShardLayout {
  /** `dim` rounded up: the kernel reads whole steps, the rest is zero. */
  readonly padded: number;
  readonly vectors: Column;
  readonly codes: Column;
  /** The query, in whichever form. */
  readonly query: number;
  /** What the kernel is told of each row, 8 bytes a row: addresses, or 1 / ‖vector‖. */
  readonly list: number;
  /** Results, 16 bytes a row. */
  readonly out: number;
  readonly firstChunk: number;
  readonly chunkBytes: number;
  readonly chunks: number;
}

export function layoutOf(dim: number, shardBytes: number): ShardLayout {
  const padded = Math.ceil(dim / PAD) * PAD;
  const query = FIRST_BYTE;
  const list = query + padded * 8;
  const out = list + CHUNK_ROWS * 8;
  const firstChunk = out + CHUNK_ROWS * 16;
  const chunkBytes = CHUNK_ROWS * padded * 5;
  const chunks = Math.max(1, Math.floor((shardBytes - firstChunk) / chunkBytes));
  const vectors = { offset: 0, stride: padded * 4 };
  const codes = { offset: CHUNK_ROWS * padded * 4, stride: padded };
  return { padded, vectors, codes, query, list, out, firstChunk, chunkBytes, chunks };
}

/** `count` rows as the kernel takes them: those too many are read, and nobody looks at their results. */
export function wholeRun(count: number): number {
  return Math.ceil(count / ROWS_AT_ONCE) * ROWS_AT_ONCE;
}

/** One memory with its chunks: each holds the vectors of CHUNK_ROWS rows and behind them their codes. */
export class KernelShard {
  readonly layout: ShardLayout;
  readonly #instance: KernelInstance;

  constructor(layout: ShardLayout, kernel: Kernel) {
    this.layout = layout;
    const most = layout.firstChunk + layout.chunks * layout.chunkBytes;
    this.#instance = kernel(layout.firstChunk, most);
  }

  get functions(): KernelInstance["functions"] {
    return this.#instance.functions;
  }

  get buffer(): ArrayBufferLike {
    return this.#instance.memory.buffer;
  }

  /** For the row of this number in the shard. */
  makeRoom(row: number): void {
    const needed = this.#chunkOf(row) + this.layout.chunkBytes;
    const { byteLength } = this.buffer;
    if (needed > byteLength) grow(this.#instance, needed - byteLength);
  }

  addressOf(row: number, { offset, stride }: Column): number {
    return this.#chunkOf(row) + offset + (row % CHUNK_ROWS) * stride;
  }

  vector(row: number): Float32Array {
    return new Float32Array(this.buffer, this.addressOf(row, this.layout.vectors), this.layout.padded);
  }

  codes(row: number): Int8Array {
    return new Int8Array(this.buffer, this.addressOf(row, this.layout.codes), this.layout.padded);
  }

  #chunkOf(row: number): number {
    return this.layout.firstChunk + Math.floor(row / CHUNK_ROWS) * this.layout.chunkBytes;
  }
}
