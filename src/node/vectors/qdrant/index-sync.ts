import { randomUUID } from "node:crypto";
import type { Logger } from "../../runtime/logger.ts";
import { toRecord } from "../embedded/record-rows.ts";
import { directionOf } from "./direction.ts";
import { compareIndex } from "./index-compare.ts";
import { foreignCollection, indexLost, isMended } from "./index-errors.ts";
import type { IndexSearchDeps } from "./index-search.ts";
import { type IndexPoint, indexPoint, type Marker } from "./qdrant-collection.ts";
import type { SyncState } from "./sync-state.ts";

/** Records of one request: well below Qdrant's limit of 32 MB. */
const BATCH = 128;

export interface IndexSyncDeps extends IndexSearchDeps {
  readonly state: SyncState;
  readonly logger: Logger;
  /** The miner's vectors; else known with the first record. */
  readonly dimension: number | undefined;
}

/**
 * Makes the index follow the journal. Only one process of a folder does at a time.
 *
 * A marker in the index moves with every batch, from the stamp we know to a new one, so that whatever the index loses (a
 * power cut takes up to 5 s of what Qdrant has called applied) shows in its marker; then all its points are compared with
 * the journal's records.
 */
export class IndexSync {
  readonly #deps: IndexSyncDeps;
  #isVerified = false;

  constructor(deps: IndexSyncDeps) {
    this.#deps = deps;
  }

  get isVerified(): boolean {
    return this.#isVerified;
  }

  /** Before anything is answered or applied, the index is looked at again. */
  distrust(): void {
    this.#isVerified = false;
    this.#deps.state.distrust();
  }

  /** Brings the index up to date. Throws what keeps it from that; the next call goes on from there. */
  async catchUp(signal: AbortSignal): Promise<void> {
    const dimension = this.#deps.journal.table.dimension() ?? this.#deps.dimension;
    if (dimension === undefined) return;
    try {
      await this.#follow(dimension, signal);
    } catch (error) {
      if (!isMended(error)) throw error;
      this.distrust();
      await this.#follow(dimension, signal);
    }
  }

  async #follow(dimension: number, signal: AbortSignal): Promise<void> {
    if (!this.#isVerified || !this.#deps.state.read().ready) await this.#verify(dimension, signal);
    while (!signal.aborted && (await this.#applyNext()));
  }

  /** Looks whether the index still is as we left it: it may have been started again from an older state. */
  async probe(): Promise<void> {
    const { collection } = this.#deps;
    try {
      const [marker, count] = await Promise.all([collection.marker(), collection.count()]);
      if (!this.#isAsLeft(marker, count)) this.distrust();
    } catch (error) {
      if (!isMended(error)) throw error;
      this.distrust();
    }
  }

  /** A collection of several shards may lose points and keep its marker: it is counted, too. */
  #isAsLeft(marker: Marker | null, count: number): boolean {
    const { journal, state } = this.#deps;
    const { applied, stamp } = state.read();
    return marker?.stamp === stamp && journal.knowsAllAfter(applied) && count === journal.countAt(applied);
  }

  async #verify(dimension: number, signal: AbortSignal): Promise<void> {
    const { collection, state } = this.#deps;
    await collection.ensure(dimension);
    const [marker, count] = await Promise.all([collection.marker(), collection.count()]);
    if (marker ? marker.journal !== state.journal : count > 0) throw foreignCollection(collection.name);
    await collection.ensureIndexes();
    if (this.#isAsLeft(marker, count)) state.write({ ...state.read(), ready: true });
    else await this.#rebuild(dimension, signal);
    this.#isVerified = true;
  }

  /** Gives the index what it lacks and takes away what it should not have, record by record. */
  async #rebuild(dimension: number, signal: AbortSignal): Promise<void> {
    const { collection, journal, state, logger } = this.#deps;
    const applied = journal.head();
    const [begun, ended] = [randomUUID(), randomUUID()];
    state.distrust();
    await collection.setMarker({ journal: state.journal, applied: 0, stamp: begun }, dimension);
    logger.info({ records: journal.countAt(applied) }, "the vector index is compared with the journal");
    const missing: number[] = [];
    const extra: (number | string)[] = [];
    const flush = () => collection.change(this.#points(missing.splice(0)), extra.splice(0));
    for await (const difference of compareIndex(journal, collection)) {
      signal.throwIfAborted();
      if ("missing" in difference) missing.push(difference.missing);
      else extra.push(difference.extra);
      if (missing.length + extra.length >= BATCH) await flush();
    }
    await flush();
    await collection.advance([], [], begun, { applied, stamp: ended });
    if ((await collection.marker())?.stamp !== ended) throw indexLost();
    state.write({ applied, stamp: ended, ready: true });
    logger.info("the vector index is complete");
  }

  /** False when there is nothing to do. */
  async #applyNext(): Promise<boolean> {
    const { collection, journal, state } = this.#deps;
    const { applied, stamp } = state.read();
    if (!journal.knowsAllAfter(applied)) throw indexLost();
    const batch = journal.changesAfter(applied, BATCH);
    if (batch === null) return false;
    const next = { applied: batch.through, stamp: randomUUID() };
    await collection.advance(
      batch.added.map((row) => this.#point(row)),
      batch.removed,
      stamp,
      next,
    );
    if ((await collection.marker())?.stamp !== next.stamp) throw indexLost();
    state.write({ ...next, ready: true });
    return true;
  }

  #points(ids: readonly number[]): IndexPoint[] {
    return this.#deps.journal.rows(ids).map((row) => this.#point(row));
  }

  #point(row: Parameters<typeof toRecord>[0]): IndexPoint {
    const { embedding, metadata } = toRecord(row);
    return indexPoint(row, directionOf(embedding), this.#deps.terms.of(metadata));
  }
}
