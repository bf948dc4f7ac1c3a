import { isEngramError } from "../../crypto/errors.ts";
import type { Embedder } from "../ports.ts";
import { Refusal } from "../protocol/refusal.ts";

/** The vector of a text; blanks around it do not count (spec 8.1). What the text is to blame for is refused. */
export async function embedText(embedder: Embedder, text: string): Promise<Float32Array> {
  try {
    const [vector] = await embedder.embed([text.trim()]);
    if (vector) return vector;
  } catch (error) {
    const isText = isEngramError(error, "EMBED_EMPTY") || isEngramError(error, "EMBED_TOO_LONG");
    if (!isText) throw error;
  }
  throw new Refusal(200, "this text cannot be embedded here; split it, or send a vector instead");
}
