import { BadRequest, type Json, object, passes } from "./qdrant-filter.ts";

/** An answer that is no success, with Qdrant's own sentence. */
export class QdrantFailure extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

type PointId = number | string;

interface Point {
  readonly id: PointId;
  readonly vectors: Readonly<Record<string, Float32Array>>;
  payload: Json;
}

interface Collection {
  readonly config: Json;
  readonly vectors: Readonly<Record<string, { readonly size: number; readonly distance: string }>>;
  readonly indexes: Record<string, unknown>;
  readonly points: Map<PointId, Point>;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** What a Qdrant holds, and what its requests do to it. */
export class QdrantCollections {
  #collections = new Map<string, Collection>();

  /** A copy to go back to: what had reached the disk. */
  snapshot(): ReadonlyMap<string, Collection> {
    return structuredClone(this.#collections);
  }

  restore(state: ReadonlyMap<string, Collection>): void {
    this.#collections = structuredClone(new Map(state));
  }

  names(): string[] {
    return [...this.#collections.keys()];
  }

  points(name: string): Point[] {
    return [...this.#find(name).points.values()];
  }

  exists(name: string): boolean {
    return this.#collections.has(name);
  }

  create(name: string, body: Json): true {
    if (this.exists(name)) throw new QdrantFailure(409, `Wrong input: Collection \`${name}\` already exists!`);
    const vectors = object(body["vectors"] ?? {});
    // One vector without a name, or several by name.
    const named = typeof vectors["size"] === "number" ? { "": vectors } : vectors;
    this.#collections.set(name, {
      config: body,
      vectors: named as Collection["vectors"],
      indexes: {},
      points: new Map(),
    });
    return true;
  }

  drop(name: string): boolean {
    return this.#collections.delete(name);
  }

  describe(name: string): Json {
    const { config, indexes, points } = this.#find(name);
    const { shard_number = 1, replication_factor = 1, write_consistency_factor = 1 } = config;
    const params = { vectors: config["vectors"] ?? {}, shard_number, replication_factor, write_consistency_factor };
    const payload_schema = Object.fromEntries(
      Object.entries(indexes).map(([field, schema]) => [field, { data_type: typeOf(schema), points: points.size }]),
    );
    const status = { status: "green", optimizer_status: "ok", points_count: points.size, segments_count: 1 };
    return { ...status, config: { params, hnsw_config: config["hnsw_config"] ?? {} }, payload_schema };
  }

  index(name: string, { field_name, field_schema }: Json): void {
    this.#find(name).indexes[String(field_name)] = field_schema;
  }

  upsert(name: string, body: Json): void {
    const collection = this.#find(name);
    const points = (body["points"] as unknown[]).map((raw): Point => {
      const { id, vector, payload } = object(raw);
      return { id: checkedId(id), vectors: readVectors(collection, vector), payload: object(payload ?? {}) };
    });
    for (const point of points) collection.points.set(point.id, point);
  }

  delete(name: string, selector: Json): void {
    const { points } = this.#find(name);
    for (const id of this.#selected(name, selector)) points.delete(id);
  }

  setPayload(name: string, body: Json): void {
    const { points } = this.#find(name);
    for (const id of this.#selected(name, body)) {
      const point = points.get(id);
      if (point) point.payload = { ...point.payload, ...object(body["payload"]) };
    }
  }

  batch(name: string, body: Json): number {
    this.#find(name);
    const operations = (body["operations"] as unknown[]).map(object);
    for (const operation of operations) {
      if (operation["upsert"]) this.upsert(name, object(operation["upsert"]));
      else if (operation["delete"]) this.delete(name, object(operation["delete"]));
      else if (operation["set_payload"]) this.setPayload(name, object(operation["set_payload"]));
      else throw new BadRequest("data did not match any variant of untagged enum UpdateOperation");
    }
    return operations.length;
  }

  retrieve(name: string, body: Json): Json[] {
    const { points } = this.#find(name);
    return (body["ids"] as PointId[]).flatMap((id): Json[] => {
      const point = points.get(id);
      return point ? [shown(point, { with_payload: true, ...body })] : [];
    });
  }

  scroll(name: string, body: Json): Json {
    const { offset, limit = 10, filter } = body as { offset?: PointId | null; limit?: number; filter?: unknown };
    const matching = this.#ordered(name)
      .filter((point) => offset === undefined || offset === null || compareIds(point.id, offset) >= 0)
      .filter((point) => passes(filter, point));
    const points = matching.slice(0, limit).map((point) => shown(point, { with_payload: true, ...body }));
    return { points, next_page_offset: matching[limit]?.id ?? null };
  }

  count(name: string, body: Json): Json {
    return { count: this.points(name).filter((point) => passes(body["filter"], point)).length };
  }

  query(name: string, body: Json): Json {
    const collection = this.#find(name);
    const {
      query,
      using = "",
      filter,
      limit = 10,
    } = body as { query?: number[]; using?: string } & Record<string, never>;
    const matching = this.#ordered(name).filter((point) => passes(filter, point));
    if (query === undefined)
      return { points: matching.slice(0, limit).map((point) => ({ ...shown(point, body), score: 0 })) };
    const direction = readVector(collection, using, query);
    const scored = matching.flatMap((point) => {
      const vector = point.vectors[using];
      return vector ? { point, score: dot(vector, direction) } : [];
    });
    // Qdrant promises no order of equal scores: here the newest is first, which is never what a store of ours says.
    scored.sort((a, b) => b.score - a.score || compareIds(b.point.id, a.point.id));
    return { points: scored.slice(0, limit).map(({ point, score }) => ({ ...shown(point, body), score })) };
  }

  #find(name: string): Collection {
    const collection = this.#collections.get(name);
    if (collection) return collection;
    throw new QdrantFailure(404, `Not found: Collection \`${name}\` doesn't exist!`);
  }

  #ordered(name: string): Point[] {
    return this.points(name).sort((a, b) => compareIds(a.id, b.id));
  }

  #selected(name: string, selector: Json): PointId[] {
    if (Array.isArray(selector["points"])) return (selector["points"] as unknown[]).map(checkedId);
    if (selector["filter"] === undefined)
      throw new BadRequest("data did not match any variant of untagged enum PointsSelector");
    return this.points(name).flatMap((point) => (passes(selector["filter"], point) ? point.id : []));
  }
}

function readVectors(collection: Collection, vector: unknown): Record<string, Float32Array> {
  const named = Array.isArray(vector) ? { "": vector } : object(vector);
  return Object.fromEntries(Object.entries(named).map(([name, raw]) => [name, readVector(collection, name, raw)]));
}

/** Cosine collections keep unit vectors, in float32. */
function readVector({ vectors }: Collection, name: string, raw: unknown): Float32Array {
  const expected = vectors[name];
  if (!expected) throw new QdrantFailure(400, `Wrong input: Not existing vector name error: ${name}`);
  if (!Array.isArray(raw) || !raw.every((component) => typeof component === "number")) {
    throw new BadRequest("data did not match any variant of untagged enum VectorStruct");
  }
  if (raw.length !== expected.size) {
    const sentence = `expected dim: ${expected.size}, got ${raw.length}`;
    throw new QdrantFailure(400, `Wrong input: Vector dimension error: ${sentence}`);
  }
  const vector = Float32Array.from(raw as number[]);
  const norm = Math.fround(Math.sqrt(dot(vector, vector)));
  return norm > 0 && Number.isFinite(norm) ? vector.map((component) => component / norm) : vector.fill(0);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, component, i) => Math.fround(sum + Math.fround(component * (b[i] ?? 0))), 0);
}

function shown({ id, payload }: Point, body: Json): Json {
  const wanted = body["with_payload"];
  if (Array.isArray(wanted)) {
    return { id, payload: Object.fromEntries(Object.entries(payload).filter(([key]) => wanted.includes(key))) };
  }
  return wanted === true ? { id, payload } : { id };
}

function checkedId(id: unknown): PointId {
  if ((typeof id === "number" && Number.isSafeInteger(id) && id >= 0) || (typeof id === "string" && UUID.test(id))) {
    return id;
  }
  throw new BadRequest(
    `value ${JSON.stringify(id)} is not a valid point ID, valid values are either an unsigned integer or a UUID`,
  );
}

function compareIds(a: PointId, b: PointId): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function typeOf(schema: unknown): unknown {
  return typeof schema === "string" ? schema : object(schema)["type"];
}
