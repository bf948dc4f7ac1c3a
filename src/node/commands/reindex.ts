import type { Command } from "commander";
import { EXIT } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, openClient, run } from "./kit.ts";
import { count, print } from "./output.ts";
import { startProgress } from "./progress.ts";
import { stopSignal } from "./stop-signal.ts";

const ABOUT = `
For after a change of ENGRAM_EMBEDDER or its model: vectors of two models say nothing to each other. It may be stopped or
killed at any time and run again; until a memory is done it is found by its words. With a paid endpoint every memory costs
once more (ENGRAM_EMBED_DAILY_USD).`;

/** `engram reindex`: makes the vectors of other models anew. */
export function reindexCommand(): Command {
  return dataCommand("reindex", "embed anew what another model has embedded")
    .addHelpText("after", ABOUT)
    .action((options: CommonOptions) => run(options, () => reindex(options)));
}

async function reindex(options: CommonOptions): Promise<void> {
  const stopped = new AbortController();
  void stopSignal().then(() => stopped.abort(new Error("stopped")));
  await using client = await openClient(options);
  const { embedder } = await client.status();
  const progress = await startProgress("embedding anew", null, options);
  const { signal } = stopped;
  const onProgress = (done: number, total: number) => progress.at(done, `${done} of ${count(total, "part")}`);
  const { embedded, left } = await client.reindex({ signal, onProgress }).finally(() => progress.end());
  await print(options.json === true, { model: embedder.model, embedded, left }, describe);
  if (left > 0) process.exitCode = EXIT.failure;
}

function describe({ model, embedded, left }: { model: string; embedded: number; left: number }): string {
  const done = `${count(embedded, "part")} embedded anew by ${model}`;
  return left === 0 ? done : `${done}; ${left} could not be: see engram doctor, and run it again`;
}
