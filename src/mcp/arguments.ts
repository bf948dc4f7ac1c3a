import { z } from "zod";
import { EngramError } from "../crypto/errors.ts";
import { nearest } from "./nearest.ts";

const maxDepth = 32;

/** Words agents use for arguments that are called otherwise here. */
const aliases: Readonly<Record<string, string>> = {
  q: "query",
  search: "query",
  content: "text",
  memory: "text",
  memories: "items",
  top_k: "limit",
  k: "limit",
  n_results: "limit",
  meta: "metadata",
  tags: "metadata",
  id: "ids",
  memory_id: "ids",
  threshold: "min_score",
  where: "filter",
  recency: "recency_days",
  half_life: "recency_days",
  collection: "namespace",
  expires: "ttl",
  date: "at",
  timestamp: "at",
};

/**
 * The arguments of tool `tool` as `schema` parses them; absent arguments are `{}`. Throws `EngramError`
 * `INVALID_ARGUMENTS` that names the first thing wrong and what to send instead.
 */
export function parseArguments<S extends z.ZodType>(tool: string, schema: S, raw: unknown): z.output<S> {
  const value = raw ?? {};
  const flaw = findFlaw(value);
  if (flaw) throw invalid(tool, flaw, "Send plain JSON.");
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // A misspelt name explains what seems to be missing.
  const unknown = issues.find((issue) => issue.code === "unrecognized_keys");
  if (unknown) throw unknownKey(tool, schema, unknown);
  const [issue] = issues;
  if (!issue) throw invalid(tool, "the arguments do not fit", "See the tool's schema.");
  const name = z.core.toDotPath(issue.path);
  if (name === "") throw invalid(tool, lowerFirst(issue.message), "Correct the arguments and call again.");
  if (isMissing(value, issue.path)) throw invalid(tool, `${name} is missing`, `Send ${name} and call again.`);
  throw invalid(tool, `${name}: ${lowerFirst(issue.message)}`, "Correct this argument and call again.");
}

function invalid(tool: string, message: string, fix: string): EngramError {
  return new EngramError("INVALID_ARGUMENTS", `${tool}: ${message}`, { fix });
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let at = value;
  for (const step of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return true;
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  return false;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

function unknownKey(tool: string, schema: z.ZodType, issue: z.core.$ZodIssueUnrecognizedKeys): EngramError {
  const unknown = issue.keys[0] ?? "";
  const known = keysAt(schema, issue.path);
  const alias = Object.hasOwn(aliases, unknown) ? aliases[unknown] : undefined;
  const meant = alias !== undefined && known.includes(alias) ? alias : nearest(unknown, known);
  const place = issue.path.length === 0 ? "" : ` in ${z.core.toDotPath(issue.path)}`;
  const fix = meant === undefined ? `Arguments are: ${known.join(", ")}.` : `Did you mean ${JSON.stringify(meant)}?`;
  return invalid(tool, `unknown argument ${JSON.stringify(unknown.slice(0, 64))}${place}`, fix);
}

/** The names an object schema knows at `path`, seen through arrays, optionals, defaults and refinements. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = unwrap(schema);
  for (const step of path) {
    if (at instanceof z.ZodArray) at = unwrap(at.element);
    else if (at instanceof z.ZodObject && typeof step === "string") at = unwrap(at.shape[step]);
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPipe) {
    inner = inner instanceof z.ZodPipe ? inner.in : inner.unwrap();
  }
  return inner;
}

/**
 * JSON that parses may still carry what no argument can mean: an own `__proto__` key, half a surrogate pair, an
 * infinity (`1e999`), a nesting that a recursive reader would not survive.
 */
function findFlaw(root: unknown): string | undefined {
  const pending: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { value, depth } = next;
    if (typeof value === "string" && !value.isWellFormed()) return "a text holds half a surrogate pair";
    if (typeof value === "number" && !Number.isFinite(value)) return "a number is not finite";
    if (typeof value !== "object" || value === null) continue;
    if (depth >= maxDepth) return `the arguments are nested deeper than ${maxDepth}`;
    for (const [key, child] of Object.entries(value)) {
      if (key === "__proto__") return 'an argument is named "__proto__"';
      if (!key.isWellFormed()) return "a key holds half a surrogate pair";
      pending.push({ value: child, depth: depth + 1 });
    }
  }
  return undefined;
}
