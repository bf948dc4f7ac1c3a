import { EngramError } from "../../crypto/errors.ts";
import { shownName } from "../../crypto/namespace-name.ts";
import { readCursor } from "./cursor.ts";
import { LIMITS, PUBLIC_SHOWN_NAME } from "./limits.ts";
import type { QueryInput } from "./memory.ts";
import { invalid } from "./memory-input.ts";
import type { RecallMode } from "./recall/corpus.ts";
import type { Recency } from "./recall/recency.ts";
import type { RecallPlace } from "./store/recall-operations.ts";

const DEFAULT_HITS = 8;

/** A query whose every part was checked. */
export interface Question {
  readonly query: string;
  readonly namespaces?: readonly string[];
  readonly visibilities: readonly ("private" | "public")[];
  readonly mode: RecallMode;
  readonly minScore: number;
  readonly limit: number;
  readonly after?: RecallPlace;
  readonly recency?: Recency;
  /** The moment of asking, ms; pages of one answer share it, so that none is missed between them as time goes on. */
  readonly asked: number;
  /** What a cursor is bound to. */
  readonly identity: unknown;
}

/** Errors: `INPUT_INVALID`, and `CURSOR_INVALID` for a cursor of another question. */
export function checkQuery(input: QueryInput, now: number): Question {
  const { query, mode = "hybrid", minScore = 0, limit = DEFAULT_HITS, recency: halfLifeDays } = input;
  if (query.trim() === "") throw invalid("an empty question finds nothing", "ask with words");
  if (query.length > LIMITS.query || !query.isWellFormed()) {
    throw invalid("this is not a usable question", `ask with at most ${LIMITS.query} characters of valid Unicode`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.queryHits) {
    throw invalid("`limit` is out of range", `ask for 1 to ${LIMITS.queryHits} hits`);
  }
  if (!(minScore >= 0 && minScore <= 1)) throw invalid("`min_score` is out of range", "give a number from 0 to 1");
  if (halfLifeDays !== undefined && !(halfLifeDays > 0 && halfLifeDays <= LIMITS.recencyDays)) {
    throw invalid("`recency` is out of range", `give a half-life of 1 to ${LIMITS.recencyDays} days`);
  }
  const { namespaces, visibilities } = checkScope(input);
  const identity = [query, namespaces, visibilities, mode, minScore, input.filter, halfLifeDays];
  const place = input.cursor === undefined ? undefined : readCursor(identity, input.cursor, 3);
  const after = place && { score: place[0] ?? 0, row: place[1] ?? 0 };
  const asked = place?.[2] ?? now;
  return {
    ...{ query, visibilities, mode, minScore, limit, asked, identity },
    ...(halfLifeDays === undefined ? {} : { recency: { halfLifeDays, now: asked } }),
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(after === undefined ? {} : { after }),
  };
}

function checkScope(input: QueryInput): Pick<Question, "namespaces" | "visibilities"> {
  const { namespaces, scope } = input;
  if (namespaces !== undefined && (namespaces.length === 0 || namespaces.length > LIMITS.namespacesPerQuery)) {
    throw invalid("`namespaces` is out of range", `name 1 to ${LIMITS.namespacesPerQuery}, or leave it out`);
  }
  const names = namespaces && [...new Set(namespaces.map(shownName))];
  // Naming the public space asks for it: nobody's private memory can be in it.
  const named = names?.includes(shownName(PUBLIC_SHOWN_NAME)) === true;
  const wanted = scope ?? (named ? "all" : "own");
  if (wanted === "public" && names && !(named && names.length === 1)) {
    throw new EngramError("INPUT_INVALID", "the public space has no namespaces", {
      fix: "leave out `namespaces`, or use scope `all`",
    });
  }
  const visibilities = { own: ["private"], public: ["public"], all: ["private", "public"] } as const;
  return { visibilities: visibilities[wanted], ...(names === undefined ? {} : { namespaces: names }) };
}
