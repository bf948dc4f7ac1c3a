import { EngramError } from "./errors.ts";

/** Which shard of which record a CID names: number `index` of `total`, any `needed` of which give the vector back. */
export interface ShardName {
  readonly parent: string;
  readonly index: number;
  readonly needed: number;
  readonly total: number;
}

const MARK = "::ec:";
/** What a shard's numbers lost when they were rounded to float32, relative to the largest. */
const ROUNDING = 2 ** -24;
/** A vector that may be further off than this per number is not given out. */
const TOLERANCE = 1e-3;

/** The parts of a shard's CID, read as the reference reads it: blanks and signs around its numbers are fine (spec 9.9). */
export function parseShardCid(cid: string): ShardName | undefined {
  const at = cid.lastIndexOf(MARK);
  const parts = at < 0 ? [] : cid.slice(at + MARK.length).split("/");
  if (parts.length !== 3 || !parts.every((part) => /^\s*[+-]?\d+\s*$/.test(part))) return undefined;
  const [index = -1, needed = 0, total = 0] = parts.map(Number);
  if (index < 0 || index >= total || needed < 2 || total < needed || total > 255) return undefined;
  return { parent: cid.slice(0, at), index, needed, total };
}

/**
 * The vector behind the reference's shards over the real numbers (spec 9.9); nothing writes them any more, since what is
 * rebuilt is close to the vector but has another CID (M-W29). `shards` by index; those with the lowest indices are used.
 *
 * Errors: `SHARDS_MISSING`, `SHARDS_INVALID`, `SHARDS_LOSSY` when rounding may have moved the vector by more than 0.001.
 */
export function readFloatShards(
  shards: ReadonlyMap<number, Float32Array>,
  { needed, total, dim }: Pick<ShardName, "needed" | "total"> & { readonly dim: number },
): Float32Array {
  const width = Math.ceil(dim / needed);
  const chosen = [...shards].sort(([left], [right]) => left - right).slice(0, needed);
  if (needed < 2 || total < needed || total > 255) throw invalid("are of an impossible number");
  if (chosen.length < needed) {
    throw new EngramError("SHARDS_MISSING", `${needed} shards are needed, ${chosen.length} are there`, {
      fix: "fetch more shards of this record",
    });
  }
  for (const [index, shard] of chosen) {
    if (!Number.isInteger(index) || index < 0 || index >= total) throw invalid("have an index beyond their number");
    if (shard.length !== width || !shard.every(Number.isFinite)) throw invalid("are damaged or of another length");
  }
  const inverse = inverseOf(
    chosen.map(([index]) => Array.from({ length: needed }, (_, power) => (index + 1) ** power)),
  );
  refuseLossy(inverse, chosen);
  const vector = new Float32Array(needed * width);
  for (const [row, factors] of inverse.entries()) {
    for (let column = 0; column < width; column += 1) {
      vector[row * width + column] = factors.reduce(
        (sum, factor, at) => sum + factor * (chosen[at]?.[1][column] ?? 0),
        0,
      );
    }
  }
  return vector.slice(0, dim);
}

/** The larger the numbers of the inverse, the more of what it gives back is the shards' rounding. */
function refuseLossy(
  inverse: readonly (readonly number[])[],
  chosen: readonly (readonly [number, Float32Array])[],
): void {
  const lost = chosen.map(([, shard]) => shard.reduce((most, value) => Math.max(most, Math.abs(value)), 0) * ROUNDING);
  const worst = inverse.map((factors) =>
    factors.reduce((sum, factor, at) => sum + Math.abs(factor) * (lost[at] ?? 0), 0),
  );
  if (Math.max(...worst) <= TOLERANCE) return;
  throw new EngramError("SHARDS_LOSSY", "rounding has destroyed what these shards held", {
    fix: "use shards with lower indices, or fetch a whole copy of the record",
  });
}

/** Gauss-Jordan with the largest pivot of each column; the generator's rows are powers of different numbers, so it exists. */
function inverseOf(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, at) => [
    ...row,
    ...Array.from({ length: size }, (_, column) => (column === at ? 1 : 0)),
  ]);
  for (let column = 0; column < size; column += 1) {
    const rest = rows.slice(column).sort((a, b) => Math.abs(b[column] ?? 0) - Math.abs(a[column] ?? 0));
    rows.splice(column, size - column, ...rest);
    const pivotRow = (rows[column] ?? []).map((value, _, row) => value / (row[column] ?? 1));
    rows[column] = pivotRow;
    for (const [at, row] of rows.entries()) {
      const factor = row[column] ?? 0;
      if (at !== column) rows[at] = row.map((value, place) => value - factor * (pivotRow[place] ?? 0));
    }
  }
  return rows.map((row) => row.slice(size));
}

function invalid(what: string): EngramError {
  return new EngramError("SHARDS_INVALID", `these shards ${what}`, { fix: "fetch them again, from other miners" });
}
