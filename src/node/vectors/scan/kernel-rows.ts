import type { Kernel } from "./kernel.ts";
import { CHUNK_ROWS, type Column, KernelShard, layoutOf, type ShardLayout, wholeRun } from "./kernel-shard.ts";
import { DEAD, RowTable } from "./row-table.ts";

/** A run of rows in one shard's memory. */
export interface Run {
  readonly shard: KernelShard;
  /** Its first slot; of a list of slots, the place of its first there. */
  readonly first: number;
  readonly count: number;
}

const CHUNK_BITS = Math.log2(CHUNK_ROWS);
const CHUNK_MASK = CHUNK_ROWS - 1;
/** Fewer dead rows than this are not worth moving the others. */
const COMPACT_FROM = 64;

/** The rows of a kernel index, in slots: vectors and codes in shards of memory, the rest in a table. */
export class KernelRows {
  readonly table = new RowTable();
  readonly #layout: ShardLayout;
  readonly #shardRows: number;
  readonly #kernel: Kernel;
  readonly #shards: KernelShard[];
  readonly #slots = new Map<number, number>();
  /** Slots in use, removed rows among them. */
  #used = 0;
  /** Slots below this have codes. */
  #coded = 0;
  /** Slots ever written in the present shards: what the system has given memory to. */
  #reached = 0;

  constructor(dim: number, shardBytes: number, kernel: Kernel) {
    this.#layout = layoutOf(dim, shardBytes);
    this.#shardRows = this.#layout.chunks * CHUNK_ROWS;
    this.#kernel = kernel;
    this.#shards = [new KernelShard(this.#layout, kernel)];
  }

  get size(): number {
    return this.#slots.size;
  }

  get used(): number {
    return this.#used;
  }

  get bytes(): number {
    const { vectors, codes, firstChunk } = this.#layout;
    const row = vectors.stride + (this.#coded > 0 ? codes.stride : 0);
    // The map costs about 40 bytes an entry.
    return (
      this.#reached * row +
      this.#shards.length * firstChunk +
      this.table.capacity * RowTable.BYTES +
      this.#slots.size * 40
    );
  }

  slots(): Float64Array {
    return Float64Array.from(this.#slots.values());
  }

  /** Slots of these rows, without those that are not here. */
  slotsOf(rows: Float64Array): Float64Array {
    const slots = new Float64Array(rows.length);
    let count = 0;
    for (const row of rows) {
      const slot = this.#slots.get(row);
      if (slot !== undefined) slots[count++] = slot;
    }
    return slots.subarray(0, count);
  }

  set(row: number, vector: Float32Array, inverse: number): void {
    let slot = this.#slots.get(row);
    if (slot === undefined) {
      slot = this.#used;
      this.#makeRoom(slot);
      this.#slots.set(row, slot);
      this.#used += 1;
      this.#reached = Math.max(this.#reached, this.#used);
    }
    this.shardOf(slot).vector(this.rowIn(slot)).set(vector);
    this.table.set(slot, row, inverse);
    if (slot < this.#coded) this.#code(slot, slot + 1);
  }

  delete(row: number): boolean {
    const slot = this.#slots.get(row);
    if (slot === undefined) return false;
    this.#slots.delete(row);
    this.#clear(slot);
    const dead = this.#used - this.#slots.size;
    if (dead > COMPACT_FROM && dead * 5 > this.#used) this.#compact();
    return true;
  }

  /** Gives codes to all rows that have none. */
  code(): void {
    for (const { first, count } of this.runs(this.#coded)) this.#code(first, first + count);
    this.#coded = this.#used;
  }

  /** All slots in use from `from` on, chunk by chunk. */
  *runs(from = 0): Generator<Run> {
    for (let first = from; first < this.#used; ) {
      const count = Math.min(CHUNK_ROWS - (first % CHUNK_ROWS), this.#used - first);
      yield { shard: this.shardOf(first), first, count };
      first += count;
    }
  }

  /** These slots, in runs of one shard, with the addresses of their rows in its list. */
  *listed(slots: ArrayLike<number>, columnOf: (shard: KernelShard) => Column): Generator<Run> {
    const { firstChunk, chunkBytes } = this.#layout;
    for (let first = 0; first < slots.length; ) {
      const shard = this.shardOf(slots[first] as number);
      const start = (slots[first] as number) - this.rowIn(slots[first] as number);
      const { offset, stride } = columnOf(shard);
      const addresses = new Uint32Array(shard.buffer, shard.layout.list, CHUNK_ROWS);
      const most = Math.min(CHUNK_ROWS, slots.length - first);
      let count = 0;
      for (; count < most; count++) {
        const row = (slots[first + count] as number) - start;
        if (row < 0 || row >= this.#shardRows) break;
        // As `shard.addressOf`, which costs more than reading the row's codes when it is called for each.
        addresses[count] = firstChunk + offset + (row >>> CHUNK_BITS) * chunkBytes + (row & CHUNK_MASK) * stride;
      }
      addresses.fill(addresses[0] as number, count, wholeRun(count));
      yield { shard, first, count };
      first += count;
    }
  }

  shardOf(slot: number): KernelShard {
    return this.#shards[Math.floor(slot / this.#shardRows)] as KernelShard;
  }

  rowIn(slot: number): number {
    return slot % this.#shardRows;
  }

  #makeRoom(slot: number): void {
    if (slot === this.#shards.length * this.#shardRows) this.#shards.push(new KernelShard(this.#layout, this.#kernel));
    this.shardOf(slot).makeRoom(this.rowIn(slot));
    this.table.makeRoom(slot + 1);
  }

  /** Codes of slots within one chunk. */
  #code(from: number, to: number): void {
    const shard = this.shardOf(from);
    const { layout, functions, buffer } = shard;
    const { weights, scales, errors, sums } = this.table;
    new Float64Array(buffer, layout.list, to - from).set(weights.subarray(from, to));
    const row = this.rowIn(from);
    const vectors = shard.addressOf(row, layout.vectors);
    const codes = shard.addressOf(row, layout.codes);
    functions.quantise(vectors, to - from, layout.vectors.stride, layout.list, codes, layout.out);
    const facts = new Float32Array(buffer, layout.out, (to - from) * 4);
    const totals = new Int32Array(buffer, layout.out, (to - from) * 4);
    for (let i = 0; i < to - from; i++) {
      scales[from + i] = facts[i * 4] as number;
      errors[from + i] = facts[i * 4 + 1] as number;
      sums[from + i] = totals[i * 4 + 2] as number;
    }
  }

  /** Nothing of a removed row stays in memory. */
  #clear(slot: number): void {
    const shard = this.shardOf(slot);
    shard.vector(this.rowIn(slot)).fill(0);
    if (slot < this.#coded) shard.codes(this.rowIn(slot)).fill(0);
    this.table.clear(slot);
  }

  /** Moves live rows down over the dead, keeping their order, and lets shards go that are left empty. */
  #compact(): void {
    let to = 0;
    let coded = 0;
    for (let from = 0; from < this.#used; from++) {
      const row = this.table.rows[from] as number;
      if (row === DEAD) continue;
      if (from !== to) this.#move(from, to, row);
      to += 1;
      if (from < this.#coded) coded = to;
    }
    this.#used = to;
    this.#coded = coded;
    this.#shards.length = Math.max(1, Math.ceil(to / this.#shardRows));
    this.#reached = Math.min(this.#reached, this.#shards.length * this.#shardRows);
  }

  #move(from: number, to: number, row: number): void {
    const source = this.shardOf(from);
    const target = this.shardOf(to);
    target.vector(this.rowIn(to)).set(source.vector(this.rowIn(from)));
    if (from < this.#coded) target.codes(this.rowIn(to)).set(source.codes(this.rowIn(from)));
    this.table.move(from, to);
    this.#slots.set(row, to);
    this.#clear(from);
  }
}
