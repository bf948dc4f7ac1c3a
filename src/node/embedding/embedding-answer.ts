import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";

const shape = z.object({
  data: z.array(z.object({ index: z.int().optional(), embedding: z.unknown() })),
  usage: z.object({ prompt_tokens: z.number().min(0) }).nullish(),
});

export interface EmbeddingAnswer {
  /** Unit vectors, in the order of the texts. */
  readonly vectors: readonly Float32Array[];
  /** What the endpoint says it counted; undefined when it says nothing. */
  readonly tokens: number | undefined;
}

/** An endpoint's answer to `count` texts. Errors: `EMBEDDER_ANSWER`: no vector of it may reach a store. */
export function readEmbeddingAnswer(answer: unknown, count: number, dim: number): EmbeddingAnswer {
  const parsed = shape.safeParse(answer);
  if (!parsed.success) throw refused("is none of an embeddings endpoint");
  const { data, usage } = parsed.data;
  if (data.length !== count) throw refused(`holds ${data.length} vectors for ${count} texts`);
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined);
  for (const [place, { index = place, embedding }] of data.entries()) {
    if (index < 0 || index >= count || vectors[index] !== undefined) throw refused("numbers its vectors wrongly");
    vectors[index] = unitVector(embedding, dim);
  }
  return { vectors: vectors as Float32Array[], tokens: usage?.prompt_tokens };
}

function unitVector(embedding: unknown, dim: number): Float32Array {
  if (typeof embedding === "string") throw refused("holds base64 text, although numbers were asked for");
  if (!Array.isArray(embedding)) throw refused("holds something else than lists of numbers");
  if (embedding.length !== dim) {
    throw refused(
      `holds vectors of ${embedding.length} numbers, not ${dim}`,
      "set ENGRAM_EMBED_DIM to the model's own",
    );
  }
  if (!embedding.every((component) => typeof component === "number" && Number.isFinite(component))) {
    throw refused("holds what is no finite number");
  }
  const norm = Math.hypot(...(embedding as readonly number[]));
  if (!(norm > 0 && Number.isFinite(norm))) throw refused("holds a vector without direction");
  return Float32Array.from(embedding as readonly number[], (component) => component / norm);
}

/** Quotes nothing of the answer: it is a stranger's text. */
function refused(what: string, fix = "check ENGRAM_EMBED_URL and ENGRAM_EMBED_MODEL"): EngramError {
  return new EngramError("EMBEDDER_ANSWER", `the embedding endpoint's answer ${what}`, { fix });
}
