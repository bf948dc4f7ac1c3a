import { isAtLeast } from "../gateway/submission.ts";
import { type ClaimedItem, type IllegibleItem, readClaim } from "./feed-wire.ts";
import { illegible } from "./gateway-replies.ts";
import type { IntelligenceQuery, RefusedItem } from "./types.ts";

/** What is worth checking, or why it is not. */
export type Sifted = { readonly claim: ClaimedItem } | { readonly refused: RefusedItem };

/**
 * Reads an item that comes after number `after`, and compares it with what was asked for. `fallback` is the number to
 * go by when its own is illegible. Throws `GATEWAY_REPLY_INVALID` when there is none.
 */
export function sift(value: unknown, query: IntelligenceQuery, after: number, fallback?: number): Sifted {
  const claim: ClaimedItem | IllegibleItem | undefined =
    readClaim(value) ?? (fallback === undefined ? undefined : { id: "", seq: fallback, illegible: true });
  if (!claim) throw illegible();
  const { id, seq } = claim;
  if (seq <= after) return { refused: { id, seq, problem: "sequence_repeated" } };
  if (isIllegible(claim)) return { refused: { id, seq, problem: "item_malformed" } };
  if (!isAskedFor(claim, query)) return { refused: { id, seq, problem: "not_asked_for" } };
  return { claim };
}

function isIllegible(claim: ClaimedItem | IllegibleItem): claim is IllegibleItem {
  return claim["illegible"] === true;
}

function isAskedFor(item: ClaimedItem, { types = [], minAssurance = "quorum", sinceMs = 0 }: IntelligenceQuery) {
  return (
    isAtLeast(item.assurance, minAssurance) &&
    (types.length === 0 || types.includes(item.output_type)) &&
    item.accepted_at_ms >= sinceMs
  );
}
