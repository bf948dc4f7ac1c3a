import { responsePad } from "../../crypto/padding.ts";
import { pythonFloat } from "../../crypto/python-text.ts";
import type { SubnetJson } from "../../crypto/subnet-json.ts";
import { writePythonDefault } from "../../crypto/subnet-json-writer.ts";
import type { TrustTier } from "../../crypto/trust-tier.ts";

/**
 * The text of a JSON object, PY-DEFAULT (spec 7). Values are texts already, so that stored metadata is passed on as
 * it is and not read again.
 */
export function objectText(members: Readonly<Record<string, string>>): string {
  const texts = Object.entries(members).map(([key, value]) => `${writePythonDefault(key)}: ${value}`);
  return `{${texts.join(", ")}}`;
}

export function valueText(value: SubnetJson): string {
  return writePythonDefault(value);
}

export function listText(items: readonly string[]): string {
  return `[${items.join(", ")}]`;
}

/** spec 8.1. */
export function ingestReplyText(cid: string | null, error: string | null): string {
  return objectText({ cid: valueText(cid), error: valueText(error) });
}

export interface ReplyHit {
  readonly cid: string;
  readonly score: number;
  /** JSON text. */
  readonly metadata: string;
  readonly trustTier: TrustTier;
}

/** spec 8.2. `latencyMs` is null for private queries: it would undo their padding (M-W24). */
export function queryReplyText(hits: readonly ReplyHit[], latencyMs: number | null, error: string | null): string {
  const results = hits.map((hit) =>
    objectText({
      cid: valueText(hit.cid),
      score: pythonFloat(hit.score),
      metadata: hit.metadata,
      trust_tier: valueText(hit.trustTier),
    }),
  );
  const latency = latencyMs === null ? "null" : pythonFloat(latencyMs);
  return objectText({ results: listText(results), latency_ms: latency, error: valueText(error) });
}

/** spec 8.5, and an entry of 8.7. */
export function recordText(record: { readonly cid: string; readonly metadata: string }): string {
  return objectText({ cid: valueText(record.cid), metadata: record.metadata });
}

/** As `recordText`, with whether the archived bytes are those that the record names (capability `archive1`). */
export function archivedRecordText(record: { readonly cid: string; readonly metadata: string }, check: string): string {
  return objectText({ cid: valueText(record.cid), metadata: record.metadata, archive: valueText(check) });
}

/** The text of a JSON object, lengthened by `_p` to its bucket (spec 9.2). */
export function paddedText(objectAsText: string): string {
  return `${objectAsText.slice(0, -1)}, "_p": "${"x".repeat(responsePad(objectAsText.length))}"}`;
}
