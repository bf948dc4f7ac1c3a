import { isEngramError } from "../crypto/errors.ts";
import { missingPackage } from "../node/runtime/missing-package.ts";

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
  const spoken = isEngramError(error) ? error : missingPackage(error);
  if (spoken) {
    return {
      code: spoken.code,
      message: spoken.message,
      ...(spoken.fix === undefined ? {} : { fix: spoken.fix }),
      ...(spoken.retryAfterMs === undefined ? {} : { retry_after_ms: spoken.retryAfterMs }),
    };
  }
  return {
    code: "INTERNAL",
    message: "Engram failed inside",
    fix: "Try once more; if it happens again, the person can look into the server's log and run `engram doctor`.",
  };
}
