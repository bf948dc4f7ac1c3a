import { EngramError } from "../../../crypto/errors.ts";
import { TopRows } from "./top-rows.ts";
import type { RowScores, VectorIndex } from "./vector-index.ts";

/** Rows of a full chunk: growth allocates one more and copies nothing. */
const CHUNK_ROWS = 4_096;
/** Rows the first chunk begins with; it doubles until it is full, so that small namespaces stay small. */
const FIRST_ROWS = 64;
const DEAD = -1;

interface Chunk {
  vectors: Float32Array<ArrayBuffer>;
  /** 1 / ‖vector‖: stored vectors keep their exact bytes, the cosine is normalised here. */
  inverses: Float64Array<ArrayBuffer>;
  /** Row ids; `DEAD` marks a tombstone. */
  rows: Float64Array<ArrayBuffer>;
}

/** An exact scan over plain typed arrays, in chunks, with tombstones that are compacted away. */
export class FlatIndex implements VectorIndex {
  readonly dim: number;
  #chunks: Chunk[] = [];
  readonly #slots = new Map<number, number>();
  #used = 0;

  constructor(dim: number) {
    this.dim = dim;
  }

  get size(): number {
    return this.#slots.size;
  }

  get bytes(): number {
    const rows = this.#chunks.reduce((sum, chunk) => sum + chunk.rows.length, 0);
    // The map costs about 40 bytes an entry.
    return rows * (4 * this.dim + 16) + this.#slots.size * 40;
  }

  add(row: number, vector: Float32Array): void {
    this.#checkLength(vector);
    const norm = Math.sqrt(dot(vector, 0, vector, 0, this.dim));
    if (!(norm > 0 && norm < Number.POSITIVE_INFINITY)) {
      throw new EngramError("SCAN_VECTOR", "a vector without direction cannot be searched");
    }
    let slot = this.#slots.get(row);
    if (slot === undefined) {
      slot = this.#used++;
      this.#makeRoom(slot);
      this.#slots.set(row, slot);
    }
    const chunk = this.#chunkOf(slot);
    const place = slot % CHUNK_ROWS;
    chunk.vectors.set(vector, place * this.dim);
    chunk.inverses[place] = 1 / norm;
    chunk.rows[place] = row;
  }

  remove(row: number): boolean {
    const slot = this.#slots.get(row);
    if (slot === undefined) return false;
    this.#slots.delete(row);
    const chunk = this.#chunkOf(slot);
    const place = slot % CHUNK_ROWS;
    chunk.rows[place] = DEAD;
    chunk.vectors.fill(0, place * this.dim, (place + 1) * this.dim);
    const dead = this.#used - this.#slots.size;
    if (dead > FIRST_ROWS && dead * 5 > this.#used) this.#compact();
    return true;
  }

  top(query: Float32Array, limit: number, allowed?: Float64Array): RowScores {
    const inverse = this.#inverseOf(query);
    const best = new TopRows(Math.min(limit, this.size));
    if (limit < 1 || this.size === 0) return best.sorted();
    if (allowed) {
      for (const row of allowed) {
        const slot = this.#slots.get(row);
        if (slot !== undefined) best.offer(row, this.#score(this.#chunkOf(slot), slot % CHUNK_ROWS, query, inverse));
      }
    } else this.#each(query, inverse, (row, score) => best.offer(row, score));
    return best.sorted();
  }

  scores(query: Float32Array): RowScores {
    const rows = new Float64Array(this.size);
    const scores = new Float32Array(this.size);
    let next = 0;
    this.#each(query, this.#inverseOf(query), (row, score) => {
      rows[next] = row;
      scores[next++] = score;
    });
    return { rows, scores };
  }

  #each(query: Float32Array, inverse: number, visit: (row: number, score: number) => void): void {
    this.#chunks.forEach((chunk, number) => {
      const end = Math.min(CHUNK_ROWS, this.#used - number * CHUNK_ROWS);
      for (let place = 0; place < end; place++) {
        const row = chunk.rows[place] as number;
        if (row !== DEAD) visit(row, this.#score(chunk, place, query, inverse));
      }
    });
  }

  #score(chunk: Chunk, place: number, query: Float32Array, inverse: number): number {
    const product = dot(chunk.vectors, place * this.dim, query, 0, this.dim);
    const cosine = product * (chunk.inverses[place] as number) * inverse;
    // Rounded before rows are compared: what shows as equal is ordered by row.
    return Math.fround(Math.max(-1, Math.min(1, cosine)));
  }

  #inverseOf(query: Float32Array): number {
    this.#checkLength(query);
    const norm = Math.sqrt(dot(query, 0, query, 0, this.dim));
    if (norm > 0 && norm < Number.POSITIVE_INFINITY) return 1 / norm;
    throw new EngramError("SCAN_VECTOR", "a query without direction matches nothing", {
      fix: "send a vector of finite numbers that are not all zero",
    });
  }

  #checkLength(vector: Float32Array): void {
    if (vector.length === this.dim) return;
    throw new EngramError("SCAN_DIMENSION", `this index holds vectors of ${this.dim} numbers, got ${vector.length}`, {
      fix: `send a vector of ${this.dim} numbers`,
    });
  }

  #chunkOf(slot: number): Chunk {
    return this.#chunks[Math.floor(slot / CHUNK_ROWS)] as Chunk;
  }

  #makeRoom(slot: number): void {
    const number = Math.floor(slot / CHUNK_ROWS);
    const chunk = this.#chunks[number];
    if (!chunk) this.#chunks.push(this.#allocate(number === 0 ? FIRST_ROWS : CHUNK_ROWS));
    else if (slot % CHUNK_ROWS >= chunk.rows.length) {
      const larger = this.#allocate(chunk.rows.length * 2);
      larger.vectors.set(chunk.vectors);
      larger.inverses.set(chunk.inverses);
      larger.rows.set(chunk.rows);
      this.#chunks[number] = larger;
    }
  }

  #allocate(rows: number): Chunk {
    return {
      vectors: new Float32Array(rows * this.dim),
      inverses: new Float64Array(rows),
      rows: new Float64Array(rows),
    };
  }

  /** Moves live rows down over the tombstones, keeping their order, and frees the chunks left empty. */
  #compact(): void {
    let to = 0;
    for (let from = 0; from < this.#used; from++) {
      const source = this.#chunkOf(from);
      const at = from % CHUNK_ROWS;
      const row = source.rows[at] as number;
      if (row === DEAD) continue;
      if (from !== to) {
        const target = this.#chunkOf(to);
        const place = to % CHUNK_ROWS;
        target.vectors.set(source.vectors.subarray(at * this.dim, (at + 1) * this.dim), place * this.dim);
        target.inverses[place] = source.inverses[at] as number;
        target.rows[place] = row;
        this.#slots.set(row, to);
      }
      to++;
    }
    this.#used = to;
    this.#chunks.length = Math.ceil(to / CHUNK_ROWS);
    const last = this.#chunks.at(-1);
    const end = to % CHUNK_ROWS;
    if (last && end > 0) last.vectors.fill(0, end * this.dim);
  }
}

/** Four running sums: they do not wait for one another, and the order of additions is the same on every path. */
function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[aStart + i] as number) * (b[bStart + i] as number);
    s1 += (a[aStart + i + 1] as number) * (b[bStart + i + 1] as number);
    s2 += (a[aStart + i + 2] as number) * (b[bStart + i + 2] as number);
    s3 += (a[aStart + i + 3] as number) * (b[bStart + i + 3] as number);
  }
  for (; i < length; i++) s0 += (a[aStart + i] as number) * (b[bStart + i] as number);
  return s0 + s1 + (s2 + s3);
}
