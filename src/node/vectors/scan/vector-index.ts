/** Rows beside their cosine scores; rows are SQLite row ids, so they are exact in a double. */
export interface RowScores {
  readonly rows: Float64Array<ArrayBuffer>;
  /** Cosine similarity in [-1, 1], rounded to float32. */
  readonly scores: Float32Array<ArrayBuffer>;
}

export interface TopQuery {
  readonly query: Float32Array;
  readonly limit: number;
}

/**
 * Vectors of one dimension under their rows, searched exactly. Both implementations, `FlatIndex` and `KernelIndex`, give
 * the same rows and the same bits of every score: one compliance suite holds for them.
 */
export interface VectorIndex {
  readonly dim: number;
  readonly size: number;
  /** Memory held, for the limit over all indexes. */
  readonly bytes: number;
  /** Adds the vector (copied); a row that is there already gets the new one. */
  add(row: number, vector: Float32Array): void;
  /** False when the row is not there. */
  remove(row: number): boolean;
  /** The best `limit` rows, best first, equal scores by ascending row; among `allowed` alone when given. */
  top(query: Float32Array, limit: number, allowed?: Float64Array): RowScores;
  /** As `top` for each, in as few passes over memory as pay. Refuses all when one is refused. */
  topOfEach(queries: readonly TopQuery[]): readonly RowScores[];
  /** Every row with its score, in no particular order. */
  scores(query: Float32Array): RowScores;
}
