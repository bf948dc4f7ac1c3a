import { createHash } from "node:crypto";
import type { ToolCall } from "../payload/types.ts";

/** A tool call as it happened; nothing of its texts goes into a record. */
export interface HappenedCall {
  /** The server's origin. */
  readonly server: string;
  readonly tool: string;
  readonly args: unknown;
  /** What came back: content and structured content, or the code of the error that came instead. */
  readonly result: unknown;
  readonly isError: boolean;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** Millionths of a dollar. */
  readonly paid: number;
}

const NAME = 200;

/** A tool call as an inference output names it: hashes of arguments and result, never the texts (spec 14.4). */
export function recordCall(call: HappenedCall): ToolCall {
  return {
    server: call.server.slice(0, NAME),
    tool: call.tool.slice(0, NAME),
    arguments_sha256: hashOf(call.args),
    result_sha256: hashOf(call.result),
    result_cid: null,
    is_error: call.isError,
    started_at_ms: call.startedAt,
    duration_ms: Math.max(0, Math.round(call.durationMs)),
    paid_micro_usd: call.paid,
  };
}

/** SHA-256 of the JSON text with sorted keys. */
function hashOf(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(value)) ?? "null")
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
