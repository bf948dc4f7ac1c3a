import { Candidates } from "./candidates.ts";
import { inverseOfQuery } from "./dot.ts";
import { type Column, GROUP, type KernelShard, wholeRun } from "./kernel-shard.ts";
import type { RowTable } from "./row-table.ts";
import type { TopQuery } from "./vector-index.ts";

/**
 * Goes over rows and keeps those that may be among the best. An estimate of a cosine comes with a bound on its error,
 * which holds for every vector of ordinary norm; the others have no weight here and are candidates always.
 */
export interface Pass {
  /** One per query. */
  readonly candidates: readonly Candidates[];
  /** Puts the queries into the shard's memory. */
  start(shard: KernelShard): void;
  /** What it reads of a shard. */
  columnOf(shard: KernelShard): Column;
  run(shard: KernelShard, list: number, row: number, count: number): void;
  /** Takes the last run's results; they are of `slots` from `first` on, or of consecutive slots. */
  select(shard: KernelShard, count: number, first: number, slots?: ArrayLike<number>): void;
}

/** What each bound has beyond its reason: more than roundings to single precision, of bounds and of scores, can take. */
const ROOM = 2e-6;

/** Reads the vectors themselves, in single precision. */
export class FloatPass implements Pass {
  readonly candidates: readonly [Candidates];
  readonly #table: RowTable;
  readonly #query: Float32Array;
  readonly #mask: Uint8Array | undefined;
  readonly #bound: number;

  constructor({ query, limit }: TopQuery, table: RowTable, mask?: Uint8Array) {
    const inverse = inverseOfQuery(query, query.length);
    this.candidates = [new Candidates(limit)];
    this.#table = table;
    this.#mask = mask;
    this.#query = Float32Array.from(query, (x) => x * inverse);
    // Each of the 8 running sums takes an 8th of the products; a sum of n is off by at most n roundings (Higham 3.1).
    this.#bound = (query.length / 8 + 24) * 2 ** -24 + ROOM;
  }

  start(shard: KernelShard): void {
    const target = new Float32Array(shard.buffer, shard.layout.query, shard.layout.padded);
    target.fill(0);
    target.set(this.#query);
  }

  columnOf(shard: KernelShard): Column {
    return shard.layout.vectors;
  }

  run(shard: KernelShard, list: number, row: number, count: number): void {
    const { layout, functions } = shard;
    functions.floats(list, row, wholeRun(count), layout.vectors.stride, layout.query, layout.out);
  }

  select(shard: KernelShard, count: number, first: number, slots?: ArrayLike<number>): void {
    const out = new Float32Array(shard.buffer, shard.layout.out, count);
    const [candidates] = this.candidates;
    const { weights } = this.#table;
    const bound = this.#bound;
    let { threshold } = candidates;
    for (let i = 0; i < count; i++) {
      const slot = slots === undefined ? first + i : (slots[first + i] as number);
      const upper = (out[i] as number) * (weights[slot] as number) + bound;
      if (!(upper >= threshold) || this.#mask?.[slot] === 0) continue;
      candidates.offer(slot, upper - 2 * bound, upper);
      threshold = candidates.threshold;
    }
  }
}

/** Half the range of a query's seven bits: they are sent as 1..127, around this. */
const MIDDLE = 64;
const STEPS = MIDDLE - 1;

interface CodedQuery {
  readonly bytes: Uint8Array;
  /** Length of one step. */
  readonly step: number;
  /** ‖unit query - its coded form‖. */
  readonly error: number;
}

/** Reads the codes: a quarter of the bytes, for up to four queries at once. */
export class CodePass implements Pass {
  readonly candidates: readonly Candidates[];
  readonly #table: RowTable;
  readonly #queries: readonly CodedQuery[];
  readonly #mask: Uint8Array | undefined;
  /** Results beside one another in the output. */
  readonly #width: number;

  constructor(queries: readonly TopQuery[], table: RowTable, mask?: Uint8Array) {
    this.candidates = queries.map(({ limit }) => new Candidates(limit));
    this.#queries = queries.map(({ query }) => coded(query));
    this.#table = table;
    this.#mask = mask;
    this.#width = queries.length === 1 ? 1 : GROUP;
  }

  start(shard: KernelShard): void {
    const { query, padded } = shard.layout;
    const width = this.#width;
    const target = new Uint8Array(shard.buffer, query, padded * width);
    target.fill(0);
    for (const [number, { bytes }] of this.#queries.entries()) {
      if (width === 1) target.set(bytes);
      // In groups of sixteen, the queries' groups beside one another.
      else
        bytes.forEach((byte, i) => {
          target[(i >> 4) * 16 * GROUP + number * 16 + (i & 15)] = byte;
        });
    }
  }

  columnOf(shard: KernelShard): Column {
    return shard.layout.codes;
  }

  run(shard: KernelShard, list: number, row: number, count: number): void {
    const { layout, functions } = shard;
    const products = this.#width === 1 ? functions.codes : functions.codesOfFour;
    products(list, row, wholeRun(count), layout.padded, layout.query, layout.out);
  }

  select(shard: KernelShard, count: number, first: number, slots?: ArrayLike<number>): void {
    const width = this.#width;
    const out = new Int32Array(shard.buffer, shard.layout.out, count * width);
    const { scales, errors, sums } = this.#table;
    for (const [number, { step, error }] of this.#queries.entries()) {
      const candidates = this.candidates[number] as Candidates;
      // |<v, q>| - what the codes say of it is at most ‖v's error‖ + ‖v's codes‖ · ‖q's error‖ (Cauchy and Schwarz).
      const stretch = (1 + error) * 1.001;
      const margin = error + ROOM;
      let { threshold } = candidates;
      for (let i = 0; i < count; i++) {
        const slot = slots === undefined ? first + i : (slots[first + i] as number);
        const product = (out[i * width + number] as number) - MIDDLE * (sums[slot] as number);
        const estimate = product * (scales[slot] as number) * step;
        const bound = (errors[slot] as number) * stretch + margin;
        if (!(estimate + bound >= threshold) || this.#mask?.[slot] === 0) continue;
        candidates.offer(slot, estimate - bound, estimate + bound);
        threshold = candidates.threshold;
      }
    }
  }
}

function coded(query: Float32Array): CodedQuery {
  const inverse = inverseOfQuery(query, query.length);
  const largest = query.reduce((most, x) => Math.max(most, Math.abs(x)), 0) * inverse;
  const step = largest / STEPS;
  const bytes = new Uint8Array(query.length);
  let squares = 0;
  for (const [i, x] of query.entries()) {
    const steps = Math.round((x * inverse) / step);
    bytes[i] = steps + MIDDLE;
    squares += (x * inverse - steps * step) ** 2;
  }
  return { bytes, step, error: Math.sqrt(squares) };
}
