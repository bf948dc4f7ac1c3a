import { isEngramError } from "../crypto/errors.ts";

/** What went wrong, for a model to act on: one sentence each. */
export interface ToolFailure {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly retry_after_ms?: number;
}

/**
 * An error as the model sees it. Only an `EngramError` may speak; anything else could carry a path, a text or a key
 * and is told as an internal error, for the log to keep.
 */
export function describeFailure(error: unknown): ToolFailure {
  if (isEngramError(error)) {
    return {
      code: error.code,
      message: error.message,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    };
  }
  return {
    code: "INTERNAL",
    message: "Engram failed inside",
    fix: "Try once more; if it happens again, the person can look into the server's log and run `engram doctor`.",
  };
}
