import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { pythonStr } from "../../crypto/python-text.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";

export { matches, matchesJson } from "./filter-match.ts";

const MAX_DEPTH = 5;
const MAX_NODES = 50;
/** Longer texts are no labels; comparing them is what recall is for. */
const MAX_TEXT = 1_000;
const MAX_CHOICES = 100;
/** The wire's own filters have no limit (spec 8.2); this bounds the work of one request. */
const MAX_REFERENCE_PAIRS = 100;

const text = z.string().max(MAX_TEXT, `is longer than ${MAX_TEXT} characters`);
const scalar = z.union([text, z.number(), z.boolean(), z.null()], "must be a text, number, true, false or null");
const ordered = z.union([text, z.number()], "must be a number or a text");
const operators = "eq, in, gt, gte, lt, lte or exists";

/** One condition on a metadata key: all operators named must hold. */
const conditionSchema = z
  .strictObject({
    eq: scalar.optional(),
    in: z
      .array(scalar)
      .min(1, "needs at least one choice")
      .max(MAX_CHOICES, `takes at most ${MAX_CHOICES} choices`)
      .optional(),
    gt: ordered.optional(),
    gte: ordered.optional(),
    lt: ordered.optional(),
    lte: ordered.optional(),
    exists: z.boolean("must be true or false").optional(),
  })
  .refine((condition) => Object.keys(condition).length > 0, `name an operator: ${operators}`)
  .refine(
    ({ gt, gte, lt, lte }) => new Set([gt, gte, lt, lte].flatMap((bound) => bound ?? []).map((b) => typeof b)).size < 2,
    "compares with numbers and texts at once; use one kind",
  );

export type Scalar = z.infer<typeof scalar>;
export type Condition = z.infer<typeof conditionSchema>;

/**
 * A filter over metadata. `text` is the subnet's own comparison, by Python's `str()` of the value, where a missing key
 * reads `None` (spec 8.2); only the wire makes such nodes.
 */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly key: string; readonly is: Condition }
  | { readonly key: string; readonly text: string };

/**
 * What people and agents write: `{"city":"Bern"}`, `{"age":{"gte":18,"lt":65}}`, several keys (all must hold),
 * `{"and":[…]}`, `{"or":[…]}`, `{"not":{…}}`. A metadata key that is itself called and, or or not is reached by
 * `{"key":"and","is":{"eq":1}}`. At most 5 levels and 50 conditions.
 *
 * Not a `z.record`: that drops a key named __proto__, and the filter would match more than was asked for.
 */
export const filterSchema = z
  .unknown()
  .transform((value, context): Filter => {
    const reader = new FilterReader();
    const filter = reader.nested(value, [], 0);
    for (const { path, message } of reader.problems) context.addIssue({ code: "custom", path, message });
    return filter;
  })
  .meta({ type: "object" });

/** Parses a filter that comes from a person. Throws `FILTER_INVALID`, naming the place and what to write there. */
export function parseFilter(value: unknown): Filter {
  const { data, error } = filterSchema.safeParse(value);
  if (data) return data;
  const [issue] = error?.issues ?? [];
  const place = issue && issue.path.length > 0 ? ` at ${issue.path.join(".")}` : "";
  throw new EngramError("FILTER_INVALID", `this filter is not valid${place}: ${issue?.message}`, {
    fix: 'write a filter like {"city":"Bern"} or {"age":{"gte":18}}; combine with and, or, not',
  });
}

/**
 * The filter of a query or list request as the subnet defines it (spec 8.2, 8.7): every pair must equal the record's
 * value as Python text. Null when there is nothing to filter by. Throws `FILTER_INVALID` for more than 100 pairs.
 */
export function referenceFilter(pairs: SubnetObject): Filter | null {
  if (pairs.size === 0) return null;
  if (pairs.size > MAX_REFERENCE_PAIRS) {
    throw new EngramError("FILTER_INVALID", `a filter takes at most ${MAX_REFERENCE_PAIRS} pairs`, {
      fix: "send fewer pairs",
    });
  }
  return { and: Array.from(pairs, ([key, value]) => ({ key, text: pythonStr(value) })) };
}

type Path = readonly (string | number)[];
type Json = Readonly<Record<string, unknown>>;

/** Reads one filter and notes every problem with its place, so that all can be mended at once. */
class FilterReader {
  readonly problems: { readonly path: (string | number)[]; readonly message: string }[] = [];
  #nodes = 0;

  nested(value: unknown, path: Path, depth: number): Filter {
    return isObject(value)
      ? this.#read(value, path, depth + 1)
      : this.#problem(path, 'must be a filter: an object like {"city":"Bern"}');
  }

  #read(value: Json, path: Path, depth: number): Filter {
    if (depth > MAX_DEPTH) return this.#problem(path, `nests deeper than ${MAX_DEPTH} levels; flatten it`);
    const keys = Object.keys(value);
    const named = value["key"];
    const condition = value["is"];
    if (keys.length === 2 && typeof named === "string" && isObject(condition)) {
      return this.#condition(named, condition, [...path, "is"]);
    }
    const parts = keys.map((key) => this.#entry(key, value[key], [...path, key], depth));
    return parts.length === 1 && parts[0] ? parts[0] : { and: parts };
  }

  #entry(key: string, value: unknown, path: Path, depth: number): Filter {
    if (key === "and" || key === "or") {
      if (!Array.isArray(value) || value.length === 0) {
        return this.#problem(path, `${key} takes a list of filters; ${escapeHint(key)}`);
      }
      const parts = value.slice(0, MAX_NODES + 1).map((part: unknown, i) => this.nested(part, [...path, i], depth));
      return key === "and" ? { and: parts } : { or: parts };
    }
    if (key === "not") {
      if (!isObject(value)) return this.#problem(path, `not takes a filter; ${escapeHint(key)}`);
      return { not: this.nested(value, path, depth) };
    }
    if (Array.isArray(value)) return this.#problem(path, 'to match any of several values write {"in":[…]}');
    return this.#condition(key, isObject(value) ? value : { eq: value }, path);
  }

  #condition(key: string, value: unknown, path: Path): Filter {
    if (key.length > MAX_TEXT) return this.#problem(path, `the key is longer than ${MAX_TEXT} characters`);
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) {
      return this.#problem(path, `has more than ${MAX_NODES} conditions; use in:[…] or several queries`);
    }
    const { data, error } = conditionSchema.safeParse(value);
    if (data) return { key, is: data };
    const [issue] = error.issues;
    const message = issue?.code === "unrecognized_keys" ? `knows the operators ${operators}` : (issue?.message ?? "");
    return this.#problem([...path, ...(issue?.path ?? []).map(String)], message);
  }

  #problem(path: Path, message: string): Filter {
    if (this.problems.length < 5) this.problems.push({ path: [...path], message });
    return { or: [] };
  }
}

function escapeHint(key: string): string {
  return `for a metadata key named ${key} write {"key":"${key}","is":{"eq":…}}`;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
