/** Payload filters as Qdrant evaluates them, for the server of the tests. */

export type Json = Readonly<Record<string, unknown>>;

export class BadRequest extends Error {}

export interface FilteredPoint {
  readonly id: number | string;
  readonly payload: Json;
}

const CLAUSES = new Set(["must", "should", "must_not", "min_should"]);

/** Whether the point passes; throws `BadRequest` for what Qdrant would not read. */
export function passes(filter: unknown, point: FilteredPoint): boolean {
  if (filter === undefined || filter === null) return true;
  return passesFilter(object(filter), point, point.payload);
}

function passesFilter(filter: Json, point: FilteredPoint, payload: Json): boolean {
  for (const name of Object.keys(filter)) {
    if (!CLAUSES.has(name)) throw new BadRequest(`unknown field \`${name}\`, expected one of must, should, must_not`);
  }
  const check = (condition: unknown) => passesCondition(object(condition), point, payload);
  const should = list(filter["should"]);
  const least = filter["min_should"] === undefined ? undefined : object(filter["min_should"]);
  // Every condition is read, as a parser does, also where the result is known already.
  const must = list(filter["must"]).map(check);
  const mustNot = list(filter["must_not"]).map(check);
  const some = should.map(check);
  const counted = least ? list(least["conditions"]).map(check).filter(Boolean).length : 0;
  return (
    must.every(Boolean) &&
    !mustNot.some(Boolean) &&
    (some.length === 0 || some.some(Boolean)) &&
    (least === undefined || counted >= Number(least["min_count"]))
  );
}

function passesCondition(condition: Json, point: FilteredPoint, payload: Json): boolean {
  if (Array.isArray(condition["has_id"])) return (condition["has_id"] as unknown[]).includes(point.id);
  if (condition["is_empty"] !== undefined) return valuesAt(payload, keyOf(condition["is_empty"])).every(isNothing);
  if (condition["is_null"] !== undefined) return valuesAt(payload, keyOf(condition["is_null"])).includes(null);
  if (condition["nested"] !== undefined) {
    const { key, filter } = object(condition["nested"]);
    const items = valuesAt(payload, String(key)).filter(isObject);
    return items.some((item) => passesFilter(object(filter), point, item));
  }
  if (typeof condition["key"] === "string") return passesField(condition["key"], condition, payload);
  if (Object.keys(condition).every((name) => CLAUSES.has(name))) return passesFilter(condition, point, payload);
  throw new BadRequest("data did not match any variant of untagged enum Condition");
}

function passesField(key: string, condition: Json, payload: Json): boolean {
  const values = valuesAt(payload, key);
  if (condition["match"] !== undefined) return values.some(matcher(object(condition["match"])));
  if (condition["range"] !== undefined) {
    const { gt, gte, lt, lte } = object(condition["range"]) as Record<string, number | null | undefined>;
    const inside = (value: unknown) =>
      typeof value === "number" &&
      (gt == null || value > gt) &&
      (gte == null || value >= gte) &&
      (lt == null || value < lt) &&
      (lte == null || value <= lte);
    return values.some(inside);
  }
  throw new BadRequest("At least one field condition must be specified");
}

function matcher(match: Json): (value: unknown) => boolean {
  if (Object.hasOwn(match, "value")) {
    const wanted = match["value"];
    if (!isKeyword(wanted)) throw new BadRequest("data did not match any variant of untagged enum Match");
    return (value) => value === wanted;
  }
  if (Array.isArray(match["any"])) {
    const wanted = match["any"] as unknown[];
    return (value) => wanted.includes(value);
  }
  if (Array.isArray(match["except"])) {
    const unwanted = match["except"] as unknown[];
    return (value) => isKeyword(value) && !unwanted.includes(value);
  }
  if (typeof match["text"] === "string") {
    const { text } = match;
    return (value) => typeof value === "string" && value.includes(text as string);
  }
  throw new BadRequest("data did not match any variant of untagged enum Match");
}

/** Qdrant compares texts, whole numbers and booleans; others take a range. */
function isKeyword(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value);
}

/** The values under a path of keys; a list stands for its items. */
function valuesAt(payload: Json, path: string): unknown[] {
  let found: unknown[] = [payload];
  for (const key of path.split(".")) {
    found = found.flatMap((value) => (isObject(value) && Object.hasOwn(value, key) ? [value[key]] : []));
    found = found.flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [value]));
  }
  return found;
}

function isNothing(value: unknown): boolean {
  return value === null;
}

function keyOf(condition: unknown): string {
  return String(object(condition)["key"]);
}

function list(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as unknown[]) : [value];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function object(value: unknown): Json {
  if (isObject(value)) return value;
  throw new BadRequest("invalid type: expected an object");
}
