import { EngramError } from "../../crypto/errors.ts";

/** A slice of a memory's text, `stop` exclusive; the slices of a text follow one another without a gap. */
export interface Slice {
  readonly start: number;
  readonly stop: number;
}

/**
 * Plaintext bytes of one envelope (spec 10.4 leaves 2,993 with padding; the rest is room for what the record names
 * beside the memory).
 */
const PRIVATE_BYTES = 2_900;
/** A public record's metadata, 4,096 bytes with everything beyond ASCII escaped (spec 8.1), less author and signature. */
const PUBLIC_BYTES = 3_300;
/** The built-in model reads about 90 words; a part much longer than that would hide its end from the vector. */
const PART_BYTES = 1_000;
/** A part shorter than this says too little to be found. */
const LEAST_BYTES = 120;

/** What travels beside the text in the record of part 0; later parts carry the names alone. */
export interface PartZero {
  readonly visibility: "private" | "public";
  readonly metadata: object;
  /** Names and times of the memory, as they will stand in the record. */
  readonly envelope: object;
}

/**
 * Splits a text so that every part fits one record with what belongs to it: at paragraph ends, else sentence ends, else
 * blanks, else anywhere between characters. Joined again the slices are the text.
 * Throws `MEMORY_TOO_LARGE` when names and metadata leave no room for text.
 */
export function splitText(text: string, partZero: PartZero): readonly Slice[] {
  const bytes = partZero.visibility === "public" ? escapedBytes : jsonBytes;
  const whole = partZero.visibility === "public" ? PUBLIC_BYTES : PRIVATE_BYTES;
  const names = bytes(JSON.stringify(partZero.envelope));
  const first = Math.min(PART_BYTES, whole - names - bytes(JSON.stringify(partZero.metadata)));
  if (first < LEAST_BYTES) {
    throw new EngramError("MEMORY_TOO_LARGE", "names and metadata of this memory leave no room for its text", {
      fix: "shorten the metadata, the speaker or the session",
    });
  }
  const slices: Slice[] = [];
  for (let start = 0; start < text.length; ) {
    const stop = partEnd(text, start, slices.length === 0 ? first : PART_BYTES, bytes);
    slices.push({ start, stop });
    start = stop;
  }
  return slices;
}

function partEnd(text: string, start: number, budget: number, bytes: (json: string) => number): number {
  // A character takes at least one byte: beyond `budget` characters nothing can fit.
  const window = text.slice(start, start + budget + 1);
  const fits = fittingLength(window, budget, bytes);
  if (fits === window.length) return start + fits;
  const head = window.slice(0, fits);
  const least = Math.floor(fits / 3);
  return (
    start + (lastEnd(head, PARAGRAPH, least) ?? lastEnd(head, SENTENCE, least) ?? lastEnd(head, BLANK, least) ?? fits)
  );
}

const PARAGRAPH = /\n\s*\n\s*/g;
const SENTENCE = /[.!?…]["'”’)\]]*\s+|[。！？؟।]["'”’」』）]*\s*|\n+/g;
const BLANK = /\s+/g;

/** Where the last match ends that leaves at least `least` characters before it. */
function lastEnd(head: string, pattern: RegExp, least: number): number | undefined {
  let end: number | undefined;
  for (const match of head.matchAll(pattern)) end = match.index + match[0].length;
  return end !== undefined && end > least ? end : undefined;
}

/** The longest beginning of `window` that takes at most `budget` bytes, never ending inside a character. */
function fittingLength(window: string, budget: number, bytes: (json: string) => number): number {
  let used = 0;
  let length = 0;
  for (const character of window) {
    used += bytes(JSON.stringify(character)) - 2;
    if (used > budget) break;
    length += character.length;
  }
  return length;
}

function jsonBytes(json: string): number {
  return Buffer.byteLength(json, "utf8");
}

/** Bytes of the ASCII form that miners measure: six for every UTF-16 unit beyond ASCII. */
function escapedBytes(json: string): number {
  let bytes = 0;
  for (let i = 0; i < json.length; i++) bytes += json.charCodeAt(i) > 0x7e ? 6 : 1;
  return bytes;
}
