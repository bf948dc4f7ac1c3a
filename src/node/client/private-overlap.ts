import { setImmediate } from "node:timers/promises";
import type { Memory } from "./memory.ts";

/** A private memory's words in a text that is to be published. */
interface PrivateOverlap {
  readonly id: string;
  /** The words in question, as they are compared: in one case, blanks as one. */
  readonly words: string;
}

export interface OverlapReport {
  readonly found: PrivateOverlap | null;
  /** False when there was more to compare than is looked at. */
  readonly complete: boolean;
}

/** So many characters in a row are no coincidence (design: content). */
const MIN_CHARS = 40;
/** Half of them: wherever 40 characters begin in a memory, a piece of 20 that starts at a multiple of 20 lies within. */
const PIECE = MIN_CHARS / 2;
const MAX_SCANNED_CHARS = 200_000_000;
const MAX_SHOWN = 200;
/** Places of both texts that are laid beside each other; texts made of one repeated piece have millions. */
const MAX_PAIRS = 1_000_000;
/** The process answers others meanwhile. */
const TURN_MS = 20;

/** How much was compared, and for how long without letting anybody else have a turn. */
class Effort {
  pairs = 0;
  #since = performance.now();

  async rest(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return;
    await setImmediate();
    this.#since = performance.now();
  }
}

/**
 * Looks for 40 or more characters of a private memory in `text`; case, width and white space do not count. What is
 * told in other words cannot be found this way (docs/security.md).
 */
export async function privateOverlap(text: string, memories: AsyncIterable<Memory>): Promise<OverlapReport> {
  const published = comparable(text);
  if (published.length < MIN_CHARS) return { found: null, complete: true };
  const pieces = piecesOf(published);
  const effort = new Effort();
  let scanned = 0;
  for await (const { id, text: own, visibility } of memories) {
    if (visibility !== "private") continue;
    scanned += own.length;
    if (scanned > MAX_SCANNED_CHARS) return { found: null, complete: false };
    await effort.rest();
    const words = await common(published, pieces, comparable(own), effort);
    if (effort.pairs > MAX_PAIRS) return { found: null, complete: false };
    if (words !== null) return { found: { id, words }, complete: true };
  }
  return { found: null, complete: true };
}

function comparable(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/** Where each piece of the text that is published begins. */
function piecesOf(published: string): ReadonlyMap<string, readonly number[]> {
  const pieces = new Map<string, number[]>();
  for (let at = 0; at + PIECE <= published.length; at += 1) {
    const piece = published.slice(at, at + PIECE);
    const found = pieces.get(piece);
    if (found) found.push(at);
    else pieces.set(piece, [at]);
  }
  return pieces;
}

/** Null also where it was too much to compare. */
async function common(
  published: string,
  pieces: ReadonlyMap<string, readonly number[]>,
  own: string,
  effort: Effort,
): Promise<string | null> {
  for (let at = 0; at + PIECE <= own.length; at += PIECE) {
    const starts = pieces.get(own.slice(at, at + PIECE));
    if (!starts) continue;
    effort.pairs += starts.length;
    if (effort.pairs > MAX_PAIRS) return null;
    await effort.rest();
    for (const start of starts) {
      const [before, after] = [matching(published, own, start, at, -1), matching(published, own, start, at, 1)];
      if (before + after >= MIN_CHARS) return published.slice(start - before, start + after);
    }
  }
  return null;
}

/** How many characters agree from there on, or before it; no more than are shown. */
function matching(published: string, own: string, start: number, at: number, step: 1 | -1): number {
  const from = step === 1 ? 0 : -1;
  let length = 0;
  while (length < MAX_SHOWN) {
    const offset = from + length * step;
    const [left, right] = [published[start + offset], own[at + offset]];
    if (left === undefined || left !== right) break;
    length += 1;
  }
  return length;
}
