import { EngramError, isEngramError } from "../../../crypto/errors.ts";

const RETRY_AFTER_MS = 2_000;

/** The HTTP status of what the Qdrant client threw; undefined when there was no answer. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("status" in error && typeof error.status === "number") return error.status;
  // The client's own class for a refused rate carries no status.
  return "retry_after" in error ? 429 : undefined;
}

/** Whether the same call may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (error instanceof EngramError) return error.code === "VECTOR_INDEX_DOWN";
  const status = statusOf(error);
  return status === undefined || status === 408 || status === 429 || status >= 500;
}

/**
 * What a failed call to Qdrant means. Nothing of its answer is passed on: it is text from the network.
 *
 * Codes: `VECTOR_INDEX_DOWN` (try again), `VECTOR_INDEX_DENIED` (the key), `VECTOR_INDEX_MISSING` (no such collection),
 * `VECTOR_INDEX_REFUSED` (anything else).
 */
export function asIndexError(cause: unknown): EngramError {
  if (cause instanceof EngramError) return cause;
  const status = statusOf(cause);
  if (status === 401 || status === 403) {
    return new EngramError("VECTOR_INDEX_DENIED", "Qdrant refused the API key", {
      fix: "set QDRANT_API_KEY to a key that may write, and start again",
      cause,
    });
  }
  if (status === 404) return new EngramError("VECTOR_INDEX_MISSING", "Qdrant does not have the collection", { cause });
  if (isPassing(cause)) return indexDown(cause);
  return new EngramError("VECTOR_INDEX_REFUSED", `Qdrant refused a request with status ${status}`, {
    fix: "check that Qdrant is version 1.10 or newer and look into its log",
    cause,
  });
}

/** The index lacks something, or is gone: it is compared with the journal and mended, and nobody has to do anything. */
export function isMended(error: unknown): boolean {
  return isEngramError(error, "VECTOR_INDEX_LOST") || isEngramError(error, "VECTOR_INDEX_MISSING");
}

export function indexLost(): EngramError {
  return new EngramError("VECTOR_INDEX_LOST", "the vector index lost what it was given before", {
    fix: "wait: it is compared with the journal and mended",
    retryAfterMs: RETRY_AFTER_MS,
  });
}

export function indexDown(cause?: unknown): EngramError {
  return new EngramError("VECTOR_INDEX_DOWN", "the vector index does not answer; records are safe, searches wait", {
    fix: "check that Qdrant runs and that QDRANT_URL is its address",
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}

export function indexBuilding(): EngramError {
  return new EngramError("VECTOR_INDEX_BUILDING", "the vector index is being brought up to date", {
    fix: "ask again in a moment",
    retryAfterMs: RETRY_AFTER_MS,
  });
}

export function indexBehind(pending: number): EngramError {
  return new EngramError("VECTOR_INDEX_BEHIND", `the vector index lacks ${pending} changes; no more are taken`, {
    fix: "send it again once Qdrant answers",
    retryAfterMs: RETRY_AFTER_MS,
  });
}

export function foreignCollection(name: string): EngramError {
  return new EngramError("VECTOR_INDEX_FOREIGN", `the collection ${name} was not filled by this miner`, {
    fix: "name another one in QDRANT_COLLECTION, or delete the collection in Qdrant: it is then made anew",
  });
}

export function mismatch(name: string, what: string): EngramError {
  return new EngramError("VECTOR_INDEX_MISMATCH", `the collection ${name} ${what}`, {
    fix: "name another one in QDRANT_COLLECTION, or delete the collection in Qdrant: it is then made anew",
  });
}
