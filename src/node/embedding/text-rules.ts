import { EngramError } from "../../crypto/errors.ts";

/** The 8,192 code points of a record (spec 8.1) in UTF-16 units. */
export const MAX_EMBED_CHARS = 16_384;

/** Errors: `EMBED_EMPTY`, `EMBED_TOO_LONG`. */
export function checkText(text: string): void {
  if (text.trim() === "") {
    throw new EngramError("EMBED_EMPTY", "an empty text has no meaning to embed", { fix: "give a text with words" });
  }
  if (text.length > MAX_EMBED_CHARS) {
    throw new EngramError("EMBED_TOO_LONG", `a text of ${text.length} characters is too long to embed at once`, {
      fix: `split it into parts of at most ${MAX_EMBED_CHARS} characters`,
    });
  }
}

export function closed(): EngramError {
  return new EngramError("EMBEDDER_CLOSED", "the embedder was closed");
}

export function busy(): EngramError {
  return new EngramError("EMBEDDER_BUSY", "too many texts are waiting to be embedded", {
    fix: "wait a moment and send it again",
    retryAfterMs: 1_000,
  });
}
