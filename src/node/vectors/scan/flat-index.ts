import { cosineOf, dot, inverseOfQuery, inverseOfRow } from "./dot.ts";
import { DEAD } from "./row-table.ts";
import { TopRows } from "./top-rows.ts";
import type { RowScores, TopQuery, VectorIndex } from "./vector-index.ts";

/** Rows of a full chunk: growth allocates one more and copies nothing. */
const CHUNK_ROWS = 4_096;
/** Rows the first chunk begins with; it doubles until it is full, so that small namespaces stay small. */
const FIRST_ROWS = 64;

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
    const inverse = inverseOfRow(vector, this.dim);
    let slot = this.#slots.get(row);
    if (slot === undefined) {
      slot = this.#used++;
      this.#makeRoom(slot);
      this.#slots.set(row, slot);
    }
    const chunk = this.#chunkOf(slot);
    const place = slot % CHUNK_ROWS;
    chunk.vectors.set(vector, place * this.dim);
    chunk.inverses[place] = inverse;
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
    const inverse = inverseOfQuery(query, this.dim);
    const best = new TopRows(Math.max(0, Math.min(limit, this.size)));
    if (limit < 1 || this.size === 0) return best.sorted();
    if (allowed) {
      for (const row of allowed) {
        const slot = this.#slots.get(row);
        if (slot !== undefined) best.offer(row, this.#score(this.#chunkOf(slot), slot % CHUNK_ROWS, query, inverse));
      }
    } else this.#each(query, inverse, (row, score) => best.offer(row, score));
    return best.sorted();
  }

  topOfEach(queries: readonly TopQuery[]): readonly RowScores[] {
    return queries.map(({ query, limit }) => this.top(query, limit));
  }

  /** Everything held, for another index to take over. */
  *entries(): Generator<readonly [row: number, vector: Float32Array]> {
    for (const [row, slot] of this.#slots) {
      const place = (slot % CHUNK_ROWS) * this.dim;
      yield [row, this.#chunkOf(slot).vectors.subarray(place, place + this.dim)];
    }
  }

  scores(query: Float32Array): RowScores {
    const rows = new Float64Array(this.size);
    const scores = new Float32Array(this.size);
    let next = 0;
    this.#each(query, inverseOfQuery(query, this.dim), (row, score) => {
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
    return cosineOf(product, chunk.inverses[place] as number, inverse);
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
