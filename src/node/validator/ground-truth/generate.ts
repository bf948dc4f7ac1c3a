import { cidOf } from "../../../crypto/cid.ts";
import type { Embedder } from "../../ports.ts";
import { RECALL_K } from "../scoring.ts";
import type { GroundTruthEntry } from "./entry.ts";

const MIN_NORM = 1e-8;
const BATCH = 64;

/** `count` texts from `sentences`, repeated with a mark of the repetition before them (spec 4.2). */
export function repeatedTexts(sentences: readonly string[], count: number): string[] {
  return Array.from({ length: sentences.length === 0 ? 0 : count }, (_, index) => {
    const repetition = Math.floor(index / sentences.length);
    const sentence = sentences[index % sentences.length] ?? "";
    return repetition === 0 ? sentence : `[v${repetition}] ${sentence}`;
  });
}

/** Ground truth of `texts` as `embedder` sees them. Errors: the embedder's. */
export async function generateGroundTruth(
  texts: readonly string[],
  embedder: Embedder,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (embedded: number) => void } = {},
): Promise<GroundTruthEntry[]> {
  const embeddings: Float32Array[] = [];
  const options = { priority: "background", ...(signal && { signal }) } as const;
  while (embeddings.length < texts.length) {
    const batch = texts.slice(embeddings.length, embeddings.length + BATCH);
    embeddings.push(...(await embedder.embed(batch, options)));
    onProgress?.(embeddings.length);
  }
  return entriesOf(texts, embeddings);
}

/** The entries of texts with their embeddings: CIDs, and the nearest by cosine, ties in the texts' order (spec 4.2). */
export function entriesOf(texts: readonly string[], embeddings: readonly Float32Array[]): GroundTruthEntry[] {
  const cids = embeddings.map((embedding) => cidOf({ embedding, metadata: new Map() }));
  const units = embeddings.map(unit);
  return texts.map((text, index) => {
    const embedding = embeddings[index] ?? new Float32Array();
    const topK = nearest(units[index] ?? new Float64Array(), units).flatMap((place) => cids[place] ?? []);
    return { text, embedding, cid: cids[index] ?? "", topK };
  });
}

/** Places of the `RECALL_K` nearest. */
function nearest(query: Float64Array, units: readonly Float64Array[]): number[] {
  const best: { place: number; similarity: number }[] = [];
  for (const [place, other] of units.entries()) {
    const similarity = dot(query, other);
    if (best.length === RECALL_K && similarity <= (best.at(-1)?.similarity ?? 0)) continue;
    const before = best.findIndex((found) => similarity > found.similarity);
    best.splice(before < 0 ? best.length : before, 0, { place, similarity });
    best.length = Math.min(best.length, RECALL_K);
  }
  return best.map(({ place }) => place);
}

function unit(vector: Float32Array): Float64Array {
  const wide = Float64Array.from(vector);
  const norm = Math.max(Math.sqrt(dot(wide, wide)), MIN_NORM);
  return wide.map((component) => component / norm);
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index] ?? 0) * (other[index] ?? 0);
  return sum;
}
