import Database from "better-sqlite3";
import { load } from "sqlite-vec";

/** The same vectors in sqlite-vec, in a file or `:memory:`: the best rows by cosine, as row ids. */
export function sqliteVecScan(
  path: string,
  vectors: Float32Array,
  dim: number,
): Disposable & { top(query: Float32Array, limit: number): number[] } {
  const database = new Database(path);
  load(database);
  database.exec(`CREATE VIRTUAL TABLE held USING vec0 (vector float[${dim}] distance_metric=cosine)`);
  const insert = database.prepare("INSERT INTO held (rowid, vector) VALUES (?, ?)");
  database.transaction(() => {
    for (let row = 0; row * dim < vectors.length; row++) {
      insert.run(BigInt(row), bytesOf(vectors.subarray(row * dim, (row + 1) * dim)));
    }
  })();
  const select = database
    .prepare<[Uint8Array, number], number>("SELECT rowid FROM held WHERE vector MATCH ? AND k = ? ORDER BY distance")
    .pluck();
  return {
    top: (query, limit) => select.all(bytesOf(query), limit),
    [Symbol.dispose]: () => database.close(),
  };
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
