import { type FrozenOutput, freezeInference } from "../../../src/relay/payload/freeze-output.ts";

/** What a model is said to have answered. */
export function answered(completion: string): FrozenOutput {
  return freezeInference({
    request_id: "6f9619ff-8b86-4d01-b42d-00c04fc964ff",
    model: "a-model",
    model_version: "1",
    prompt_sha256: "ab".repeat(32),
    input_cids: [],
    completion,
    finish_reason: "stop",
    usage: { input_tokens: 10, output_tokens: 5 },
    latency_ms: 20,
    miner_uid: null,
    miner_hotkey: null,
    tool_calls: [],
  });
}
