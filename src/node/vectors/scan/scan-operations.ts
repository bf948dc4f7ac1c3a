import { LRUCache } from "lru-cache";
import { EngramError } from "../../../crypto/errors.ts";
import type { ScanMode } from "../../runtime/config-scan.ts";
import { IndexChoice } from "./index-choice.ts";
import type { RowScores, TopQuery, VectorIndex } from "./vector-index.ts";

interface Batch {
  readonly key: string;
  readonly rows: Float64Array;
  /** One vector per row, end to end. */
  readonly vectors: Float32Array;
}

const DEFAULT_LIMIT_BYTES = 1_500_000_000;
const KEY_LIMIT = 10_000;

/** An index whose dimension is not known before its first vector. */
interface Slot {
  index: VectorIndex | undefined;
}

const nothing: RowScores = { rows: new Float64Array(0), scores: new Float32Array(0) };

/** Everything the scan worker does, over indexes it holds by key within `limitBytes` of memory. */
export function createScanOperations(mode: ScanMode, limitBytes = DEFAULT_LIMIT_BYTES) {
  const choice = new IndexChoice(mode);
  const slots = new LRUCache<string, Slot>({ max: KEY_LIMIT });
  const loaded = (key: string): Slot => {
    const slot = slots.get(key);
    if (slot) return slot;
    throw new EngramError("SCAN_NOT_LOADED", "this index is not in memory", { fix: "load it and ask again" });
  };

  function fill(slot: Slot, { rows, vectors }: Batch): void {
    if (rows.length === 0) return;
    const dim = vectors.length / rows.length;
    if (!Number.isInteger(dim) || dim === 0) {
      throw new EngramError("SCAN_DIMENSION", `${rows.length} rows do not divide ${vectors.length} numbers`);
    }
    const index = choice.indexFor(slot.index, slot.index?.dim ?? dim, (slot.index?.size ?? 0) + rows.length);
    slot.index = index;
    for (let i = 0; i < rows.length; i++) index.add(rows[i] as number, vectors.subarray(i * dim, (i + 1) * dim));
    makeRoom();
  }

  /** One index may be larger than the limit: a search that can never run would be worse. */
  function makeRoom(): void {
    let bytes = 0;
    for (const slot of slots.values()) bytes += slot.index?.bytes ?? 0;
    while (bytes > limitBytes && slots.size > 1) bytes -= slots.pop()?.index?.bytes ?? 0;
  }

  return {
    load: (batch: Batch): void => {
      slots.delete(batch.key);
      const slot: Slot = { index: undefined };
      slots.set(batch.key, slot);
      fill(slot, batch);
    },
    append: (batch: Batch): void => fill(loaded(batch.key), batch),
    remove: ({ key, rows }: { readonly key: string; readonly rows: Float64Array }): void => {
      const { index } = loaded(key);
      for (const row of rows) index?.remove(row);
    },
    top: (input: {
      readonly key: string;
      readonly query: Float32Array;
      readonly limit: number;
      readonly allowed?: Float64Array;
    }): RowScores => loaded(input.key).index?.top(input.query, input.limit, input.allowed) ?? nothing,
    /** As `top` for each query, in fewer passes over memory; refuses all when one is refused. */
    topOfEach: ({
      key,
      queries,
    }: {
      readonly key: string;
      readonly queries: readonly TopQuery[];
    }): readonly RowScores[] => loaded(key).index?.topOfEach(queries) ?? queries.map(() => nothing),
    scores: ({ key, query }: { readonly key: string; readonly query: Float32Array }): RowScores =>
      loaded(key).index?.scores(query) ?? nothing,
    size: ({ key }: { readonly key: string }): number | null => {
      const slot = slots.peek(key);
      return slot ? (slot.index?.size ?? 0) : null;
    },
    drop: ({ key }: { readonly key: string }): void => {
      slots.delete(key);
    },
  };
}

export type ScanOperations = ReturnType<typeof createScanOperations>;
