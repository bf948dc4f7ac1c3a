import { createHash } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";

/**
 * A cursor is opaque to callers: the place where the next page begins and a digest of the question it belongs to, so
 * that one of another question is refused instead of giving wrong pages.
 */
export function writeCursor(question: unknown, place: readonly number[]): string {
  return Buffer.from(JSON.stringify([digest(question), ...place])).toString("base64url");
}

/** The `length` numbers of a cursor's place. Errors: `CURSOR_INVALID`. */
export function readCursor(question: unknown, cursor: string, length: number): readonly number[] {
  const [belongs, ...place] = parse(cursor);
  const numbers = place.filter((part): part is number => typeof part === "number" && Number.isFinite(part));
  if (belongs === digest(question) && place.length === length && numbers.length === length) return numbers;
  throw new EngramError("CURSOR_INVALID", "this cursor does not belong to this question", {
    fix: "ask again without a cursor, and pass `next` on with otherwise the same arguments",
  });
}

function parse(cursor: string): readonly unknown[] {
  try {
    const parts = JSON.parse(Buffer.from(cursor.slice(0, 200), "base64url").toString("utf8")) as unknown;
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

function digest(question: unknown): string {
  return createHash("sha256").update(JSON.stringify(question)).digest("base64url").slice(0, 10);
}
