import { EngramError } from "./errors.ts";

/**
 * A JSON document as Python sees it (spec 1.1): a number token without fraction or exponent is a `bigint`, any other a
 * `number`; objects keep the order of the document and any key is only data (`__proto__` too).
 */
export type SubnetJson = null | boolean | string | bigint | number | SubnetArray | SubnetObject;
export type SubnetArray = readonly SubnetJson[];
export type SubnetObject = ReadonlyMap<string, SubnetJson>;

/** Plain JavaScript data; objects made from a document have no prototype. */
export type PlainJson = null | boolean | string | number | readonly PlainJson[] | { readonly [key: string]: PlainJson };

/** Deeper documents are refused on reading and on writing. */
export const MAX_JSON_DEPTH = 32;

export interface FromPlainOptions {
  /** What a whole number becomes: an int (default) or a float, printed `1.0`. */
  readonly wholeNumbers?: "int" | "float";
}

/** Whether `value` is a JSON object. */
export function isSubnetObject(value: SubnetJson | undefined): value is SubnetObject {
  return value instanceof Map;
}

/** Whether `value` is a JSON array. */
export function isSubnetArray(value: SubnetJson | undefined): value is SubnetArray {
  return Array.isArray(value);
}

/**
 * Turns plain JavaScript data into a subnet document. Typed float arrays become arrays of floats; whole numbers beyond
 * 2^53 and `-0` are floats, because their digits as an int would say something else than the number.
 * Keys whose value is `undefined` are left out. Throws `JSON_UNSUPPORTED` for anything JSON cannot hold.
 */
export function fromPlain(value: unknown, options: FromPlainOptions = {}): SubnetJson {
  return convert(value, options.wholeNumbers ?? "int", 0);
}

/** As `fromPlain`, for what must be an object. */
export function objectFromPlain(value: object, options: FromPlainOptions = {}): SubnetObject {
  const converted = fromPlain(value, options);
  if (!isSubnetObject(converted)) throw unsupported("something else where an object is needed");
  return converted;
}

function convert(value: unknown, wholeNumbers: "int" | "float", depth: number): SubnetJson {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return convertNumber(value, wholeNumbers);
    case "object":
      if (value === null) return null;
      if (depth >= MAX_JSON_DEPTH) throw unsupported(`more than ${MAX_JSON_DEPTH} levels`);
      return convertContainer(value, wholeNumbers, depth + 1);
    default:
      throw unsupported(typeof value);
  }
}

function convertNumber(value: number, wholeNumbers: "int" | "float"): number | bigint {
  if (!Number.isFinite(value)) throw unsupported("a number that is not finite");
  const whole = wholeNumbers === "int" && Number.isSafeInteger(value) && !Object.is(value, -0);
  return whole ? BigInt(value) : value;
}

function convertContainer(value: object, wholeNumbers: "int" | "float", depth: number): SubnetJson {
  if (value instanceof Float32Array || value instanceof Float64Array) {
    return Array.from(value, (component) => convertNumber(component, "float"));
  }
  if (Array.isArray(value)) return value.map((item) => convert(item, wholeNumbers, depth));
  const entries = value instanceof Map ? [...value.entries()] : plainEntries(value);
  const object = new Map<string, SubnetJson>();
  for (const [key, item] of entries) {
    if (typeof key !== "string") throw unsupported("a key that is not text");
    if (item !== undefined) object.set(key, convert(item, wholeNumbers, depth));
  }
  return object;
}

function plainEntries(value: object): [string, unknown][] {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unsupported("an instance of a class");
  return Object.entries(value);
}

/** Plain data of a document, as `JSON.parse` would give it: ints beyond 2^53 lose digits, objects have no prototype. */
export function toPlain(value: SubnetJson): PlainJson {
  if (typeof value === "bigint") return Number(value);
  if (isSubnetArray(value)) return value.map(toPlain);
  if (isSubnetObject(value)) return plainObject(value);
  return value;
}

function plainObject(value: SubnetObject): { readonly [key: string]: PlainJson } {
  const object: Record<string, PlainJson> = Object.create(null);
  for (const [key, item] of value) object[key] = toPlain(item);
  return object;
}

/**
 * Whether a number in the document overflowed (`1e400` reads as infinity, spec 1.1). Whoever stores or answers a
 * document refuses such a one: no reader of strict JSON could read it back (M-W17).
 */
export function hasOverflow(value: SubnetJson): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  if (isSubnetArray(value)) return value.some(hasOverflow);
  if (isSubnetObject(value)) return [...value.values()].some(hasOverflow);
  return false;
}

function unsupported(what: string): EngramError {
  return new EngramError("JSON_UNSUPPORTED", `This value cannot be written as JSON: it holds ${what}.`, {
    fix: "Use text, finite numbers, true, false, null, lists and plain objects only.",
  });
}
