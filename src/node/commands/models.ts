import { Command } from "commander";
import type { PulledModel } from "../embedding/pull-model.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { count, print } from "./output.ts";
import { startProgress } from "./progress.ts";
import { stopSignal } from "./stop-signal.ts";

interface PullCommandOptions extends CommonOptions {
  readonly from?: string;
  readonly manifest?: string;
  readonly folder?: string;
}

const ABOUT = `
Fetches MiniLM (all-MiniLM-L6-v2, 384 dimensions, ONNX) for ENGRAM_EMBEDDER=minilm: config.json, tokenizer.json,
tokenizer_config.json and onnx/model.onnx below the address, as model repositories have them. With --manifest FILE every
file must be the one whose hash it names. Without one the first pull records the hashes of what it got, and every later
pull and every start holds the files to them: that protects against changes, not against a bad first pull. A pull that
was cut off goes on where it ended. Beside the files the model needs the package @huggingface/transformers.

Engram has no hashes of these files and vouches for no address, so it has none of its own. One whose files are said
to be made for that package (Engram's authors could not try it): https://huggingface.co/Xenova/all-MiniLM-L6-v2/resolve/main/`;

/** `engram models`: models that run on this machine. */
export function modelsCommand(): Command {
  return new Command("models").description("models that run on this machine").addCommand(pullCommand());
}

function pullCommand(): Command {
  return dataCommand("pull", "fetch the files of MiniLM, and pin them by their hashes")
    .option("--from <url>", "the folder they lie in, over https (http on this machine alone); it must be given")
    .option("--manifest <file>", "hold them to the hashes in this file")
    .option("--folder <folder>", "put them there (default: models in the data folder)")
    .addHelpText("after", ABOUT)
    .action((options: PullCommandOptions) => run(options, () => pull(options)));
}

async function pull(options: PullCommandOptions): Promise<void> {
  const [{ pullModel }, { MINILM_MODEL, modelFolder }, files, { homeOf }, { readFile }] = await Promise.all([
    import("../embedding/pull-model.ts"),
    import("../embedding/minilm.ts"),
    import("../embedding/model-manifest.ts"),
    import("./open-client.ts"),
    import("node:fs/promises"),
  ]);
  const { MINILM_FILES, PULL_COMMAND, parseModelManifest } = files;
  if (options.from === undefined) throw usageError("--from is missing", `Run ${PULL_COMMAND}.`);
  const { folder = modelFolder(await homeOf(options.home)), manifest } = options;
  const stopped = new AbortController();
  void stopSignal().then(() => stopped.abort(new Error("stopped")));
  const progress = await startProgress("fetching", null, options);
  const pulled = await pullModel({
    ...{ from: options.from, folder, model: MINILM_MODEL, files: MINILM_FILES, signal: stopped.signal },
    ...(manifest === undefined ? {} : { manifest: parseModelManifest(await readFile(manifest, "utf8")) }),
    onProgress: (path, bytes) => progress.at(bytes, `${path} ${Math.floor(bytes / 1e6)} MB`),
  }).finally(() => progress.end());
  await print(options.json === true, { folder, ...pulled }, describe);
}

const PINNED = {
  given: "held to the manifest you gave",
  before: "held to the hashes recorded before",
  recorded: "nobody vouched for them: their hashes are recorded now, and hold from here on",
} as const;

function describe({ folder, manifest, fetched, pinned }: PulledModel & { readonly folder: string }): string {
  const files = manifest.files.map(({ path, bytes, sha256 }) => `${sha256}  ${path}  ${bytes} bytes`);
  const what = `${manifest.model}: ${count(manifest.files.length, "file")} in ${folder}, ${fetched} fetched`;
  return [what, `${PINNED[pinned]}`, ...files].join("\n");
}
