import { randomUUID } from "node:crypto";
import { writeCompact } from "../../crypto/subnet-json-writer.ts";
import { freezeInference } from "./freeze-output.ts";
import { sha256Hex } from "./hashes.ts";
import { makeNonce } from "./nonce.ts";
import { payloadBody } from "./sign-payload.ts";
import type { ToolCall } from "./types.ts";

/** What an agent without a hotkey publishes: a model's answer, on the gateway's chain. */
export interface PlainInference {
  readonly netuid: number;
  /** A final block, and its hash: `GET /v1/gateway` names one. */
  readonly block: number;
  readonly blockHash: string;
  readonly output: {
    readonly model: string;
    readonly model_version: string;
    /** Only its hash is sent. */
    readonly prompt: string;
    readonly completion: string;
    readonly tool_calls?: readonly ToolCall[];
  };
}

/**
 * The body of a plain, paid POST to a gateway: nobody signs it, so that only who paid is known (assurance `payer`).
 * Errors: `OUTPUT_INVALID`.
 */
export function plainSubmission(
  { netuid, block, blockHash, output }: PlainInference,
  now: number = Date.now(),
): string {
  const { model, model_version, prompt, completion, tool_calls = [] } = output;
  const frozen = freezeInference({
    ...{ request_id: randomUUID(), model, model_version, prompt_sha256: sha256Hex(prompt), input_cids: [], completion },
    ...{ finish_reason: "stop", usage: { input_tokens: 0, output_tokens: 0 }, latency_ms: 0 },
    ...{ miner_uid: null, miner_hotkey: null, tool_calls: [...tool_calls] },
  });
  const nonce = makeNonce("inference", block, null, now);
  const frame = { netuid, block, blockHash, nonce, roundTs: now / 1_000, output: frozen };
  return writeCompact(payloadBody({ schemaVersion: "engram-v2", ...frame }));
}
