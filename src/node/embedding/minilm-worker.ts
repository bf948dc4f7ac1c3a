import { basename, dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { checkModelFiles } from "./model-manifest.ts";
import type { EmbedReply, EmbedRequest } from "./use-lite-worker.ts";

/** What is used of the optional package; it is not installed with us, and brings no types then. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; allowLocalModels: boolean; localModelPath: string; useFSCache: boolean };
  readonly pipeline: (
    task: "feature-extraction",
    model: string,
    options: { readonly dtype: "fp32"; readonly local_files_only: true },
  ) => Promise<(text: string, options: { readonly pooling: "mean"; readonly normalize: true }) => Promise<Tensor>>;
}

interface Tensor {
  readonly data: ArrayLike<number>;
}

const PACKAGE = "@huggingface/transformers";

if (!parentPort) throw new Error("this module runs in a worker");
const port = parentPort;
const { folder } = workerData as { readonly folder: string };
const model = load();
// Told to whoever asks.
model.catch(() => undefined);

async function load() {
  await checkModelFiles(folder);
  const { env, pipeline } = await transformers();
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.useFSCache = false;
  env.localModelPath = dirname(folder);
  return await pipeline("feature-extraction", basename(folder), { dtype: "fp32", local_files_only: true });
}

async function transformers(): Promise<Transformers> {
  try {
    return (await import(PACKAGE)) as Transformers;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isMissing = code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${PACKAGE}'`);
    throw isMissing ? new Error(`it needs a package that is not installed: npm install ${PACKAGE}`, { cause }) : cause;
  }
}

/** One text a run, as the built-in model: a text's vector must not depend on its company. */
async function answer({ id, text }: EmbedRequest): Promise<void> {
  try {
    const { data } = await (await model)(text, { pooling: "mean", normalize: true });
    const vector = Float32Array.from(data);
    port.postMessage({ id, vector } satisfies EmbedReply, [vector.buffer]);
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies EmbedReply);
  }
}

port.on("message", (request: EmbedRequest) => void answer(request));
