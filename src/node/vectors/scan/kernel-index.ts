import { cosineOf, inverseOfQuery, inverseOfRow } from "./dot.ts";
import type { Kernel } from "./kernel.ts";
import { KernelRows } from "./kernel-rows.ts";
import { GROUP, type KernelShard, SHARD_BYTES, wholeRun } from "./kernel-shard.ts";
import { CodePass, FloatPass, type Pass } from "./passes.ts";
import { DEAD } from "./row-table.ts";
import { TopRows } from "./top-rows.ts";
import type { RowScores, TopQuery, VectorIndex } from "./vector-index.ts";

export interface KernelIndexOptions {
  readonly dim: number;
  /** From so many rows on `top` keeps codes of eight bits beside the vectors, a fifth more memory; 2,048 by default. */
  readonly codedFrom?: number;
  /** What a shard's memory may grow to; larger where one chunk of rows needs more. */
  readonly shardBytes?: number;
}

const CODED_FROM = 2_048;
/** Where more than this share of the rows is asked for, estimates save nothing. */
const SHARE = 4;

/**
 * The scan by the kernel: a pass of estimates over the rows, then exact scores of those that may be among the best.
 * Vectors lie in shards, each a WebAssembly memory of its own, so that 4 GiB are no limit.
 */
export class KernelIndex implements VectorIndex {
  readonly dim: number;
  readonly #codedFrom: number;
  readonly #rows: KernelRows;

  constructor({ dim, codedFrom = CODED_FROM, shardBytes = SHARD_BYTES }: KernelIndexOptions, kernel: Kernel) {
    this.dim = dim;
    this.#codedFrom = codedFrom;
    this.#rows = new KernelRows(dim, shardBytes, kernel);
  }

  get size(): number {
    return this.#rows.size;
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  add(row: number, vector: Float32Array): void {
    this.#rows.set(row, vector, inverseOfRow(vector, this.dim));
  }

  remove(row: number): boolean {
    return this.#rows.delete(row);
  }

  top(query: Float32Array, limit: number, allowed?: Float64Array): RowScores {
    if (allowed === undefined) return this.topOfEach([{ query, limit }])[0] as RowScores;
    const inverse = inverseOfQuery(query, this.dim);
    const slots = this.#rows.slotsOf(allowed);
    const most = Math.min(limit, slots.length);
    if (most < 1) return new TopRows(0).sorted();
    if (most * SHARE > slots.length) return this.#best(query, inverse, most, slots);
    const isMost = slots.length * SHARE > this.#rows.used;
    const pass = this.#pass([{ query, limit: most }], isMost ? this.#maskOf(slots) : undefined);
    if (isMost) this.#overAll(pass);
    else this.#over(slots, pass);
    const { extreme } = this.#rows.table;
    const always = extreme.size === 0 ? [] : slots.filter((slot) => extreme.has(slot));
    return this.#best(query, inverse, most, [...(pass.candidates[0]?.slots() ?? []), ...always]);
  }

  topOfEach(queries: readonly TopQuery[]): readonly RowScores[] {
    const asked = queries.map(({ query, limit }) => ({
      query,
      inverse: inverseOfQuery(query, this.dim),
      limit: Math.max(0, Math.min(limit, this.size)),
    }));
    const group = this.#isCoded ? GROUP : 1;
    const found: RowScores[] = [];
    for (let from = 0; from < asked.length; from += group) found.push(...this.#topOf(asked.slice(from, from + group)));
    return found;
  }

  scores(query: Float32Array): RowScores {
    const inverse = inverseOfQuery(query, this.dim);
    const rows = new Float64Array(this.size);
    const scores = new Float32Array(this.size);
    const { rows: ids, inverses } = this.#rows.table;
    let next = 0;
    for (const { shard, first, count } of this.#rows.runs()) {
      const products = this.#products(
        shard,
        query,
        0,
        shard.addressOf(this.#rows.rowIn(first), shard.layout.vectors),
        count,
      );
      for (let i = 0; i < count; i++) {
        const row = ids[first + i] as number;
        if (row === DEAD) continue;
        rows[next] = row;
        scores[next++] = cosineOf(products[i] as number, inverses[first + i] as number, inverse);
      }
    }
    return { rows, scores };
  }

  get #isCoded(): boolean {
    return this.size >= this.#codedFrom;
  }

  /** At most as many queries as one pass takes. */
  #topOf(queries: readonly (TopQuery & { readonly inverse: number })[]): readonly RowScores[] {
    const most = Math.max(...queries.map(({ limit }) => limit));
    if (most * SHARE > this.size) {
      const slots = this.#rows.slots();
      return queries.map(({ query, inverse, limit }) => this.#best(query, inverse, limit, slots));
    }
    const pass = this.#pass(queries);
    this.#overAll(pass);
    return queries.map(({ query, inverse, limit }, i) => {
      const slots = [...(pass.candidates[i]?.slots() ?? []), ...this.#rows.table.extreme];
      return this.#best(query, inverse, limit, slots);
    });
  }

  #pass(queries: readonly TopQuery[], mask?: Uint8Array): Pass {
    const { table } = this.#rows;
    if (!this.#isCoded) return new FloatPass(queries[0] as TopQuery, table, mask);
    this.#rows.code();
    return new CodePass(queries, table, mask);
  }

  /** The best of these slots by their exact scores. */
  #best(query: Float32Array, inverse: number, limit: number, slots: ArrayLike<number>): RowScores {
    const best = new TopRows(limit);
    if (limit < 1) return best.sorted();
    const { rows, inverses } = this.#rows.table;
    for (const { shard, first, count } of this.#rows.listed(slots, ({ layout }) => layout.vectors)) {
      const products = this.#products(shard, query, shard.layout.list, 0, count);
      for (let i = 0; i < count; i++) {
        const slot = slots[first + i] as number;
        best.offer(rows[slot] as number, cosineOf(products[i] as number, inverses[slot] as number, inverse));
      }
    }
    return best.sorted();
  }

  /** The kernel's exact products, bit by bit those of `dot`. */
  #products(shard: KernelShard, query: Float32Array, list: number, row: number, count: number): Float64Array {
    const { layout, functions, buffer } = shard;
    const target = new Float64Array(buffer, layout.query, layout.padded);
    target.fill(0);
    target.set(query);
    functions.doubles(list, row, wholeRun(count), layout.vectors.stride, layout.query, layout.out);
    return new Float64Array(buffer, layout.out, count);
  }

  #overAll(pass: Pass): void {
    for (const { shard, first, count } of this.#rows.runs()) {
      pass.start(shard);
      pass.run(shard, 0, shard.addressOf(this.#rows.rowIn(first), pass.columnOf(shard)), count);
      pass.select(shard, count, first);
    }
  }

  #over(slots: Float64Array, pass: Pass): void {
    for (const { shard, first, count } of this.#rows.listed(slots, pass.columnOf)) {
      pass.start(shard);
      pass.run(shard, shard.layout.list, 0, count);
      pass.select(shard, count, first, slots);
    }
  }

  #maskOf(slots: Float64Array): Uint8Array {
    const mask = new Uint8Array(this.#rows.used);
    for (const slot of slots) mask[slot] = 1;
    return mask;
  }
}
