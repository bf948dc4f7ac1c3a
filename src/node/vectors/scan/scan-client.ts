import { readScanMode, type ScanMode } from "../../runtime/config-scan.ts";
import { WorkerCalls } from "../../runtime/worker-calls.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { ScanOperations } from "./scan-operations.ts";
import type { RowScores } from "./vector-index.ts";

export type { RowScores } from "./vector-index.ts";

/** Rows as the caller has them; copied before they are posted. */
export type Rows = readonly number[] | Float64Array;

export interface ScanOptions {
  /** Beyond this much memory the index that was used least recently is dropped (its key is then not loaded). */
  readonly limitBytes?: number;
  /** `ENGRAM_SCAN` by default. */
  readonly mode?: ScanMode;
}

/** What the scan's thread is started with. */
export interface ScanWorkerData {
  readonly mode: ScanMode;
  readonly limitBytes?: number | undefined;
}

/**
 * Exact cosine search in a worker thread, over several indexes by key (one per profile and namespace). The indexes
 * are a cache of the caller's database: after a crash of the thread, or under memory pressure, a call answers
 * `SCAN_NOT_LOADED`, and the caller loads the key again. Calls are answered in the order they are made, so nobody
 * needs to wait for an `append` before asking for `top`.
 *
 * Errors: `SCAN_NOT_LOADED`, `SCAN_DIMENSION` (a vector of another length), `SCAN_FAILED` (the thread ended),
 * `SCAN_NO_KERNEL`.
 */
export class ScanClient implements AsyncDisposable {
  readonly #calls: WorkerCalls<ScanOperations>;

  constructor({ mode = readScanMode(), limitBytes }: ScanOptions = {}) {
    const url = workerUrl("scan-worker", import.meta.url);
    const workerData: ScanWorkerData = { mode, limitBytes };
    this.#calls = new WorkerCalls({ url, workerData, code: "SCAN", what: "the vector scan" });
  }

  /** Replaces the index under `key`. `vectors` holds one vector per row, end to end, and is given away. */
  async load(key: string, rows: Rows, vectors: Float32Array<ArrayBuffer>): Promise<void> {
    await this.#send("load", key, rows, vectors);
  }

  /** Adds to a loaded index; a row that is there already gets the new vector. `vectors` is given away. */
  async append(key: string, rows: Rows, vectors: Float32Array<ArrayBuffer>): Promise<void> {
    await this.#send("append", key, rows, vectors);
  }

  /** Removes rows from a loaded index; rows that are not there are no error. */
  async remove(key: string, rows: Rows): Promise<void> {
    await this.#calls.call("remove", { key, rows: Float64Array.from(rows) });
  }

  /** The best `limit` rows, best first, equal scores by ascending row; among `allowed` alone when given. */
  async top(key: string, query: Float32Array, limit: number, allowed?: Rows): Promise<RowScores> {
    const chosen = allowed === undefined ? {} : { allowed: Float64Array.from(allowed) };
    return await this.#calls.call("top", { key, query, limit, ...chosen });
  }

  /** Every row of the index with its score, in no particular order. */
  async scores(key: string, query: Float32Array): Promise<RowScores> {
    return await this.#calls.call("scores", { key, query });
  }

  /** Rows under `key`; null when it is not loaded. */
  async size(key: string): Promise<number | null> {
    return await this.#calls.call("size", { key });
  }

  /** Forgets the index under `key`. */
  async drop(key: string): Promise<void> {
    await this.#calls.call("drop", { key });
  }

  async #send(operation: "load" | "append", key: string, rows: Rows, vectors: Float32Array<ArrayBuffer>) {
    // A view of a larger buffer is copied: giving its buffer away would take the neighbours along.
    const whole = vectors.byteLength === vectors.buffer.byteLength ? vectors : vectors.slice();
    await this.#calls.call(operation, { key, rows: Float64Array.from(rows), vectors: whole }, [whole.buffer]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls[Symbol.asyncDispose]();
  }
}
