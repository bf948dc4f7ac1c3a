import { isEngramError } from "../../crypto/errors.ts";
import type { Logger } from "../runtime/logger.ts";

/** Logs that texts got no vectors, and says why in a phrase: "EMBEDDER_FAILED, the embedding endpoint …". */
export function embeddingFailure(error: unknown, what: string, log: Logger): string {
  // The message of an error that is none of ours could quote a text.
  const { code, message } = isEngramError(error) ? error : { code: "UNKNOWN", message: "the embedder failed" };
  log.warn({ code }, what);
  return `${code}, ${message}`;
}
