import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { EmbeddingProfile } from "../ports.ts";
import { workerUrl } from "../runtime/worker-url.ts";
import { readModelManifest } from "./model-manifest.ts";
import { ThreadEmbedder, type ThreadOptions } from "./thread-embedder.ts";

/** The reference's own default (spec 12). */
export const MINILM_MODEL = "all-MiniLM-L6-v2";
const MINILM_PROFILE = { model: MINILM_MODEL, dim: 384, normalized: true } as const satisfies EmbeddingProfile;

/** Where `engram models pull` puts it. */
export function modelFolder(home: string): string {
  return join(home, "models", MINILM_MODEL);
}

/** MiniLM from a folder on this machine, by the optional package `@huggingface/transformers`. Nothing is downloaded. */
export class MiniLmEmbedder extends ThreadEmbedder {
  /** `folder` holds the files that its manifest names, which are checked before they are used. Errors: `MODEL_MISSING`. */
  static async open(folder: string, options: ThreadOptions = {}): Promise<MiniLmEmbedder> {
    await readModelManifest(folder);
    return new MiniLmEmbedder(folder, options);
  }

  private constructor(folder: string, options: ThreadOptions) {
    super(
      {
        profile: MINILM_PROFILE,
        startWorker: () => new Worker(workerUrl("minilm-worker", import.meta.url), { workerData: { folder } }),
        name: MINILM_MODEL,
        repair: "`engram models pull` repairs damaged model files",
      },
      options,
    );
  }
}
