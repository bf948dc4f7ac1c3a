import { Worker } from "node:worker_threads";
import type { EmbeddingProfile } from "../ports.ts";
import { workerUrl } from "../runtime/worker-url.ts";
import { ThreadEmbedder, type ThreadOptions } from "./thread-embedder.ts";

export const USE_LITE_PROFILE = {
  model: "use-lite-512",
  dim: 512,
  normalized: true,
} as const satisfies EmbeddingProfile;

/** The built-in model: Universal Sentence Encoder Lite, English, 512-d unit vectors. It reads 128 word pieces of a text. */
export class UseLiteEmbedder extends ThreadEmbedder {
  constructor(options: ThreadOptions = {}, deps: { readonly startWorker?: () => Worker } = {}) {
    const start = () => new Worker(workerUrl("use-lite-worker", import.meta.url));
    super(
      {
        profile: USE_LITE_PROFILE,
        startWorker: deps.startWorker ?? start,
        name: "the built-in model",
        repair: "`npm ci` repairs damaged model files",
      },
      options,
    );
  }
}
