import type { CorpusView, RankedPiece } from "./corpus.ts";

/**
 * The best `limit` memories by the score of their best piece, best first; ties go to the lower position. Pieces with a
 * score of 0 are not found at all.
 */
export function topMemories(
  view: CorpusView,
  scores: Float32Array,
  allowed: Uint8Array | undefined,
  limit: number,
): RankedPiece[] {
  const best = bestPieces(view, scores, allowed);
  const positions: number[] = [];
  for (const position of best) {
    if (position < 0) continue;
    if (positions.length >= limit && !isBetter(scores, position, positions[0] ?? 0)) continue;
    if (positions.length >= limit) replaceWorst(scores, positions, position);
    else push(scores, positions, position);
  }
  return positions
    .sort((a, b) => (isBetter(scores, a, b) ? -1 : 1))
    .map((position) => ({ position, memory: view.memory[position] ?? 0, score: scores[position] ?? 0 }));
}

/** The best allowed piece of each memory, by the memory's ordinal; -1 where none is found. */
function bestPieces(view: CorpusView, scores: Float32Array, allowed: Uint8Array | undefined): Int32Array {
  let memories = 0;
  for (let i = 0; i < view.size; i++) memories = Math.max(memories, (view.memory[i] ?? 0) + 1);
  const best = new Int32Array(memories).fill(-1);
  for (let i = 0; i < view.size; i++) {
    if (allowed?.[i] === 0 || !((scores[i] ?? 0) > 0)) continue;
    const memory = view.memory[i] ?? 0;
    const known = best[memory] ?? -1;
    if (known < 0 || isBetter(scores, i, known)) best[memory] = i;
  }
  return best;
}

function isBetter(scores: Float32Array, a: number, b: number): boolean {
  const difference = (scores[a] ?? 0) - (scores[b] ?? 0);
  return difference === 0 ? a < b : difference > 0;
}

/** A heap with the worst position first, so that each of many candidates costs one comparison. */
function push(scores: Float32Array, heap: number[], position: number): void {
  let place = heap.push(position) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (isBetter(scores, heap[place] ?? 0, heap[parent] ?? 0)) return;
    swap(heap, place, parent);
    place = parent;
  }
}

function replaceWorst(scores: Float32Array, heap: number[], position: number): void {
  if (heap.length === 0) return;
  heap[0] = position;
  let place = 0;
  for (;;) {
    let worst = place;
    for (const child of [2 * place + 1, 2 * place + 2]) {
      if (child < heap.length && isBetter(scores, heap[worst] ?? 0, heap[child] ?? 0)) worst = child;
    }
    if (worst === place) return;
    swap(heap, place, worst);
    place = worst;
  }
}

function swap(heap: number[], a: number, b: number): void {
  const kept = heap[a] ?? 0;
  heap[a] = heap[b] ?? 0;
  heap[b] = kept;
}
