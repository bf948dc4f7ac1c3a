import { createHash } from "node:crypto";

/**
 * A session for a text that was not told together with others: in a session, words of neighbours count for each other. The
 * same text has the same, so that it is stored once.
 */
export function loneSession(prefix: string, text: string): string {
  return `${prefix} ${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
}
