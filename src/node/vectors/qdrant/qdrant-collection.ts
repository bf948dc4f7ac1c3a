import { QdrantClient } from "@qdrant/js-client-rest";
import PQueue from "p-queue";
import pRetry from "p-retry";
import { isEngramError } from "../../../crypto/errors.ts";
import type { RecordRow } from "../embedded/record-rows.ts";
import { asIndexError, indexDown, isPassing, mismatch } from "./index-errors.ts";
import type { IndexFilter } from "./index-filter.ts";
import { parseQdrantUrl } from "./qdrant-address.ts";

export interface QdrantCollectionOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly name: string;
  /** For each call. */
  readonly deadlineMs: number;
  /** Asks Qdrant for its graph with this `hnsw_ef` in place of an exact scan. */
  readonly hnswEf: number | undefined;
  /** Of the collection, when it is made: what it is divided into, and how many nodes hold each part. */
  readonly shards?: number | undefined;
  readonly replicas?: number | undefined;
}

/** What the index says of itself, in a point that no search finds. */
export interface Marker {
  readonly journal: string;
  readonly applied: number;
  readonly stamp: string;
}

/** One page of a search or a scroll. */
export interface IndexPage {
  readonly rows: readonly { readonly id: number; readonly score: number }[];
  /** As of this very page; null when the index has none. */
  readonly marker: Marker | null;
}

/** A point's key; `id` is no number when somebody else put it there. */
export interface PointKey {
  readonly id: number | string;
  readonly namespace: unknown;
  readonly cid: unknown;
}

interface ScrollPage {
  readonly points: readonly PointKey[];
  readonly next: number | string | null;
}

/** Records' ids begin at 1. */
const MARKER_ID = 0;
const VECTOR = "embedding";
const RETRIES = 2;
const CONCURRENT_CALLS = 16;
const WAITING_CALLS = 256;
/** Payload fields that filters name. Those of real Qdrants must be indexed before they are filled. */
const FIELDS = { ns: { type: "keyword", is_tenant: true }, terms: "keyword", stamp: "keyword" } as const;

type Operation = Parameters<QdrantClient["batchUpdate"]>[1]["operations"][number];

/**
 * One Qdrant collection as an index of a journal: a point's id is its record's, so that a point is that record or
 * nothing. Every call has a deadline and may be repeated: they all say what shall be, not what shall change.
 *
 * Errors: those of `asIndexError`.
 */
export class QdrantCollection {
  readonly name: string;
  readonly #client: QdrantClient;
  readonly #calls = new PQueue({ concurrency: CONCURRENT_CALLS });
  readonly #deadlineMs: number;
  readonly #spread: Spread;
  readonly #params: { readonly exact: true } | { readonly hnsw_ef: number };

  constructor({ url, apiKey, name, deadlineMs, hnswEf, shards, replicas }: QdrantCollectionOptions) {
    this.name = name;
    this.#deadlineMs = deadlineMs;
    this.#spread = spreadOver(shards, replicas);
    this.#params = hnswEf === undefined ? { exact: true } : { hnsw_ef: hnswEf };
    this.#client = new QdrantClient({
      ...parseQdrantUrl(url),
      // As a header: the client's own option writes to the console.
      headers: apiKey === undefined ? {} : { "api-key": apiKey },
      timeout: deadlineMs,
      checkCompatibility: false,
      maxConnections: CONCURRENT_CALLS,
    });
  }

  /**
   * Makes the collection when it is not there. Throws `VECTOR_INDEX_MISMATCH` when it is made for other vectors: scores
   * would mean something else.
   */
  async ensure(dimension: number): Promise<void> {
    if ((await this.#describe()) === null) await this.#create(dimension);
    const vector = (await this.#describe())?.vector;
    if (vector === undefined) throw mismatch(this.name, `has no vectors named ${VECTOR}`);
    if (vector.size !== dimension) {
      throw mismatch(this.name, `holds vectors of ${vector.size} numbers, this miner's have ${dimension}`);
    }
    if (vector.distance !== "Cosine") throw mismatch(this.name, `compares by ${vector.distance}, not by Cosine`);
  }

  /** Makes the payload indexes that are not there. */
  async ensureIndexes(): Promise<void> {
    const fields = (await this.#describe())?.fields ?? {};
    for (const [field_name, field_schema] of Object.entries(FIELDS)) {
      if (Object.hasOwn(fields, field_name)) continue;
      await this.#call((client) => client.createPayloadIndex(this.name, { field_name, field_schema, wait: true }));
    }
  }

  /** Points but the marker. */
  async count(): Promise<number> {
    const filter = { must_not: [{ has_id: [MARKER_ID] }] };
    return (await this.#call((client) => client.count(this.name, { filter, exact: true }))).count;
  }

  async marker(): Promise<Marker | null> {
    const [point] = await this.#call((client) => client.retrieve(this.name, { ids: [MARKER_ID], with_payload: true }));
    return readMarker(point?.payload);
  }

  /** Puts the marker there, whatever it was. */
  async setMarker(marker: Marker, dimension: number): Promise<void> {
    const vector = { [VECTOR]: Array.from({ length: dimension }, (_, i) => (i === 0 ? 1 : 0)) };
    await this.#update([{ upsert: { points: [{ id: MARKER_ID, vector, payload: { ...marker } }] } }]);
  }

  /**
   * Adds and removes points and, behind them in Qdrant's own order, moves the marker from one stamp to the next. A
   * Qdrant that lost what it was given before has another stamp by now: its marker then stays where it is.
   */
  async advance(points: readonly IndexPoint[], removed: readonly number[], from: string, to: Omit<Marker, "journal">) {
    const payload = { applied: to.applied, stamp: to.stamp };
    const filter = { must: [{ has_id: [MARKER_ID] }, { key: "stamp", match: { value: from } }] };
    await this.#update([...changes(points, removed), { set_payload: { payload, filter } }]);
  }

  /** Adds and removes points alone. */
  async change(points: readonly IndexPoint[], removed: readonly (number | string)[]): Promise<void> {
    const operations = changes(points, removed);
    if (operations.length > 0) await this.#update(operations);
  }

  /** The nearest points and, from the same moment, the marker. */
  async search(vector: readonly number[], filter: IndexFilter, limit: number): Promise<IndexPage> {
    const nearest = { query: [...vector], using: VECTOR, filter, limit, params: this.#params, with_payload: false };
    const marker = { filter: { must: [{ has_id: [MARKER_ID] }] }, limit: 1, with_payload: true };
    const searches = [nearest, marker];
    const [found, marked] = await this.#call((client) => client.queryBatch(this.name, { searches }));
    const rows = (found?.points ?? []).flatMap(({ id, score }) => (typeof id === "number" ? { id, score } : []));
    return { rows, marker: readMarker(marked?.points[0]?.payload) };
  }

  /** Every point but the marker, in order of id: numbers first, as Qdrant orders them. */
  async *points(pageSize: number): AsyncGenerator<PointKey> {
    for (let offset: number | string | null = MARKER_ID + 1; offset !== null; ) {
      const page: ScrollPage = await this.#scroll(offset, pageSize);
      yield* page.points;
      offset = page.next;
    }
  }

  async #scroll(offset: number | string, limit: number): Promise<ScrollPage> {
    const request = { limit, offset, with_payload: ["ns", "cid"], with_vector: false };
    const { points, next_page_offset: next } = await this.#call((client) => client.scroll(this.name, request));
    return {
      points: points.map(({ id, payload }) => ({ id, namespace: payload?.["ns"], cid: payload?.["cid"] })),
      next: typeof next === "number" || typeof next === "string" ? next : null,
    };
  }

  async #describe() {
    try {
      const { config, payload_schema: fields } = await this.#call((client) => client.getCollection(this.name));
      const named = Object.entries(config.params.vectors ?? {}).find(([key]) => key === VECTOR)?.[1] as unknown;
      return { vector: named as { readonly size: number; readonly distance: string } | undefined, fields };
    } catch (error) {
      if (isEngramError(error, "VECTOR_INDEX_MISSING")) return null;
      throw error;
    }
  }

  async #create(size: number): Promise<void> {
    const exists = await this.#call(async (client) => (await client.collectionExists(this.name)).exists);
    if (exists) return;
    await this.#call(async (client) => {
      // Every search names a namespace: one graph for each, and none over all of them.
      const hnsw_config = { m: 0, payload_m: 16, ef_construct: 100 };
      const vectors = { [VECTOR]: { size, distance: "Cosine" as const } };
      await client.createCollection(this.name, { vectors, hnsw_config, ...this.#spread }).catch((error: unknown) => {
        // A repeated call whose first answer was lost.
        if (!(error instanceof Error && "status" in error && error.status === 409)) throw error;
      });
    });
  }

  async #update(operations: Operation[]): Promise<void> {
    await this.#call(async (client) => {
      const results = await client.batchUpdate(this.name, { wait: true, operations });
      // Others mean "queued": what they wait for may come, or not.
      if (results.some(({ status }) => status !== "completed")) throw indexDown();
    });
  }

  async #call<T>(run: (client: QdrantClient) => Promise<T>): Promise<T> {
    if (this.#calls.size >= WAITING_CALLS) throw indexDown();
    try {
      // No attempt begins after the deadline: the last one ends within twice that time.
      const policy = { retries: RETRIES, minTimeout: 100, maxRetryTime: this.#deadlineMs };
      const attempt = () => run(this.#client);
      return await this.#calls.add(() => pRetry(attempt, { ...policy, shouldRetry: ({ error }) => isPassing(error) }));
    } catch (error) {
      throw asIndexError(error);
    }
  }
}

interface Spread {
  readonly shard_number?: number;
  readonly replication_factor?: number;
  readonly write_consistency_factor?: number;
}

/** Most copies must have a write before it counts: a node that is away neither stops writing nor is read when it is back. */
function spreadOver(shards: number | undefined, replicas: number | undefined): Spread {
  return {
    ...(shards === undefined ? {} : { shard_number: shards }),
    ...(replicas === undefined
      ? {}
      : { replication_factor: replicas, write_consistency_factor: Math.floor(replicas / 2) + 1 }),
  };
}

/** A record as the index holds it: where it belongs, what filters ask, and its direction. */
export interface IndexPoint {
  readonly id: number;
  readonly vector: { readonly [VECTOR]: number[] };
  readonly payload: { readonly ns: string; readonly cid: string; readonly terms: string[] };
}

export function indexPoint(row: RecordRow, direction: number[], terms: string[]): IndexPoint {
  return { id: row.id, vector: { [VECTOR]: direction }, payload: { ns: row.namespace, cid: row.cid, terms } };
}

function changes(points: readonly IndexPoint[], removed: readonly (number | string)[]): Operation[] {
  return [
    ...(points.length > 0 ? [{ upsert: { points: points.map((point) => ({ ...point })) } }] : []),
    ...(removed.length > 0 ? [{ delete: { points: [...removed] } }] : []),
  ];
}

function readMarker(payload: unknown): Marker | null {
  if (typeof payload !== "object" || payload === null) return null;
  const { journal, applied, stamp } = payload as Record<string, unknown>;
  if (typeof journal !== "string" || typeof applied !== "number" || typeof stamp !== "string") return null;
  return { journal, applied, stamp };
}
