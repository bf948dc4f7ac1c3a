import type { Condition, Filter } from "../../protocol/filter.ts";
import type { MetadataTerms } from "./metadata-terms.ts";

/** The conditions of Qdrant that are used here. */
type IndexCondition =
  | { readonly key: string; readonly match: { readonly value: string } | { readonly any: string[] } }
  | { readonly has_id: number[] }
  | IndexFilter;

export interface IndexFilter {
  readonly must?: IndexCondition[];
  readonly should?: IndexCondition[];
  readonly must_not?: IndexCondition[];
}

/** A condition that every matching record meets; `isExact` when no other record does. */
interface Mapped {
  /** Null: every record meets it. */
  readonly condition: IndexCondition | null;
  readonly isExact: boolean;
}

/**
 * The filter that goes along with a search: one namespace, and of `filter` what the index can tell. It lets every
 * record pass that `filter` does; which of those it really does is decided on the journal's own rows.
 */
export function indexFilter(namespace: string, filter: Filter | undefined, terms: MetadataTerms): IndexFilter {
  const inNamespace: IndexCondition = { key: "ns", match: { value: namespace } };
  const condition = filter ? map(filter, terms).condition : null;
  if (condition === null) return { must: [inNamespace] };
  return { must: [inNamespace, { should: [condition, has(terms.overflow)] }] };
}

function has(term: string): IndexCondition {
  return { key: "terms", match: { value: term } };
}

const unknown: Mapped = { condition: null, isExact: false };

function map(filter: Filter, terms: MetadataTerms): Mapped {
  if ("and" in filter) return all(filter.and.map((part) => map(part, terms)));
  if ("or" in filter) return any(filter.or.map((part) => map(part, terms)));
  if ("not" in filter) {
    const { condition, isExact } = map(filter.not, terms);
    // What only narrows a filter down would, turned round, take away records that pass.
    return isExact && condition !== null ? { condition: { must_not: [condition] }, isExact: true } : unknown;
  }
  if ("is" in filter) return mapCondition(filter.key, filter.is, terms);
  // A missing key reads None as well (spec 8.2).
  return filter.text === "None" ? unknown : { condition: has(terms.reads(filter.key, filter.text)), isExact: true };
}

function mapCondition(key: string, { exists, eq, in: choices, ...bounds }: Condition, terms: MetadataTerms): Mapped {
  const parts: Mapped[] = [];
  const exact = (condition: IndexCondition) => parts.push({ condition, isExact: true });
  if (exists === true) exact(has(terms.exists(key)));
  if (exists === false) exact({ must_not: [has(terms.exists(key))] });
  if (eq !== undefined) exact(has(terms.equals(key, eq)));
  if (choices !== undefined) exact({ key: "terms", match: { any: choices.map((one) => terms.equals(key, one)) } });
  const isBounded = Object.values(bounds).some((bound) => bound !== undefined);
  if (isBounded) parts.push({ condition: has(terms.exists(key)), isExact: false });
  const { condition, isExact } = all(parts);
  // Of a list, one and the same item must pass both; the index cannot tell which items did.
  return { condition, isExact: isExact && (eq === undefined || choices === undefined) };
}

function all(parts: readonly Mapped[]): Mapped {
  const conditions = parts.flatMap(({ condition }) => condition ?? []);
  const isExact = parts.every((part) => part.isExact);
  return { condition: conditions.length === 0 ? null : { must: conditions }, isExact };
}

function any(parts: readonly Mapped[]): Mapped {
  const conditions = parts.flatMap(({ condition }) => condition ?? []);
  if (conditions.length < parts.length || parts.length === 0) return unknown;
  return { condition: { should: conditions }, isExact: parts.every((part) => part.isExact) };
}
