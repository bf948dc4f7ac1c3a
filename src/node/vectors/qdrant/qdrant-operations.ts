import { isEngramError } from "../../../crypto/errors.ts";
import type { ScoredRecord } from "../../ports.ts";
import { checkVector } from "../embedded/record-rows.ts";
import { checkLimit } from "../embedded/record-table.ts";
import { indexBuilding } from "./index-errors.ts";
import { type IndexSearchDeps, STALE, searchIndex } from "./index-search.ts";
import type { IndexSync } from "./index-sync.ts";
import type { Search } from "./ranking.ts";
import type { SyncLoop } from "./sync-loop.ts";
import type { SyncState } from "./sync-state.ts";

const SEARCH_LIMIT = 10_000;
/** A search waits so long for an index that is being brought up to date. */
const PATIENCE_MS = 4_000;
const LOOK_MS = 100;
/** A start waits so long to tell that a setting is wrong. */
const START_MS = 9_000;

export interface QdrantOperationsDeps extends IndexSearchDeps {
  readonly state: SyncState;
  readonly sync: IndexSync;
  readonly loop: SyncLoop;
}

/** What the index's worker does for the store. */
export function createQdrantOperations(deps: QdrantOperationsDeps) {
  const { journal, state, loop } = deps;
  return {
    reads: {
      /** Throws what only the operator can mend; an index that is away or empty is no such thing. */
      start: async (_: null): Promise<void> => {
        await loop.nextTurn(START_MS);
        if (loop.problem && !isEngramError(loop.problem, "VECTOR_INDEX_DOWN")) throw loop.problem;
      },
      search: (query: Search): Promise<readonly ScoredRecord[]> => search(deps, query),
      /** Makes the index follow now; the number of changes it lacks. */
      nudge: (_: null): number => {
        loop.nudge();
        return journal.pending(state.read().applied);
      },
    },
    writes: {},
  };
}

export type QdrantOperations = ReturnType<typeof createQdrantOperations>;

async function search(deps: QdrantOperationsDeps, query: Search): Promise<readonly ScoredRecord[]> {
  const { journal, loop, state, sync } = deps;
  checkLimit(query.limit, SEARCH_LIMIT);
  checkVector(query.vector, journal.table.dimension());
  if (!journal.hasRecords(query.namespace)) return [];
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    if (loop.outage) throw loop.outage;
    const { applied, ready } = state.read();
    if (ready && loop.isTrusted) {
      const found = await tried(deps, query, applied);
      if (found !== STALE) return found;
      sync.distrust();
    } else if (loop.problem) throw loop.problem;
    if (performance.now() > until) throw indexBuilding();
    await loop.nextTurn(LOOK_MS);
  }
}

async function tried(deps: QdrantOperationsDeps, query: Search, applied: number) {
  try {
    return await searchIndex(deps, query, applied);
  } catch (error) {
    if (isEngramError(error, "VECTOR_INDEX_MISSING")) return STALE;
    if (isEngramError(error) && error.code.startsWith("VECTOR_INDEX_")) deps.loop.report(error);
    throw error;
  }
}
