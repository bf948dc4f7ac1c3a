import { pythonStr } from "../../crypto/python-text.ts";
import { fromPlain, isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import type { Condition, Filter, Scalar } from "./filter.ts";

/** A record's metadata in the two readings filters need, each made when first asked for. */
interface Values {
  value(key: string): unknown;
  text(key: string): string;
}

/** Whether plain metadata passes the filter. Never throws; only own keys count. */
export function matches(filter: Filter, metadata: Readonly<Record<string, unknown>>): boolean {
  return holds(filter, {
    value: (key) => (Object.hasOwn(metadata, key) ? metadata[key] : undefined),
    text: (key) => {
      const value = Object.hasOwn(metadata, key) ? metadata[key] : null;
      return attempt(() => pythonStr(fromPlain(value))) ?? String(value);
    },
  });
}

/** Whether metadata kept as JSON text passes the filter; int and float stay apart. Unreadable text has no keys. */
export function matchesJson(filter: Filter, json: string): boolean {
  let plain: Readonly<Record<string, unknown>> | undefined;
  let exact: SubnetObject | undefined;
  return holds(filter, {
    value: (key) => {
      plain ??= asObject(attempt(() => JSON.parse(json) as unknown));
      return Object.hasOwn(plain, key) ? plain[key] : undefined;
    },
    text: (key) => {
      exact ??= asDocument(json);
      return pythonStr(exact.get(key) ?? null);
    },
  });
}

/**
 * A text that stands in the JSON of all metadata the filter passes, as long as that JSON has no backslash (an escaped
 * text may look like anything). It lets a store skip most records unread; undefined when there is no such text.
 */
export function requiredText(filter: Filter): string | undefined {
  if ("and" in filter) return filter.and.map(requiredText).find((text) => text !== undefined);
  if ("text" in filter) return couldBeNoText.test(filter.text) ? undefined : filter.text;
  const eq = "is" in filter ? filter.is.eq : undefined;
  return typeof eq === "string" ? eq : undefined;
}

/** Python texts that values other than a text also have (spec 1.4). */
const couldBeNoText = /^(?:[-0-9[{]|True$|False$|None$|inf$|nan$)/;

function holds(filter: Filter, values: Values): boolean {
  if ("and" in filter) return filter.and.every((part) => holds(part, values));
  if ("or" in filter) return filter.or.some((part) => holds(part, values));
  if ("not" in filter) return !holds(filter.not, values);
  if ("text" in filter) return values.text(filter.key) === filter.text;
  const value = values.value(filter.key);
  const { exists, ...comparison } = filter.is;
  if (exists !== undefined && exists !== (value !== undefined)) return false;
  if (Object.values(comparison).every((operand) => operand === undefined)) return true;
  // A list passes when one of its items does: {"tags":"work"} finds {"tags":["home","work"]}.
  return Array.isArray(value) ? value.some((item) => compares(comparison, item)) : compares(comparison, value);
}

function compares({ eq, in: choices, gt, gte, lt, lte }: Condition, value: unknown): boolean {
  return (
    (eq === undefined || value === eq) &&
    (choices === undefined || choices.includes(value as Scalar)) &&
    (gt === undefined || isOrdered(value, gt, (a, b) => a > b)) &&
    (gte === undefined || isOrdered(value, gte, (a, b) => a >= b)) &&
    (lt === undefined || isOrdered(value, lt, (a, b) => a < b)) &&
    (lte === undefined || isOrdered(value, lte, (a, b) => a <= b))
  );
}

/** Numbers compare with numbers and texts with texts (ISO dates order as texts); anything else is no match. */
function isOrdered<T extends number | string>(value: unknown, bound: T, test: (a: T, b: T) => boolean): boolean {
  return typeof value === typeof bound && test(value as T, bound);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function asDocument(json: string): SubnetObject {
  const document = attempt(() => readSubnetJson(json));
  return isSubnetObject(document) ? document : new Map();
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
