import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { RestoreResult } from "../client/replication/restoration.ts";
import { Secret } from "../runtime/secret.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { count, print, say } from "./output.ts";
import { startProgress } from "./progress.ts";
import { readStandardInput } from "./standard-input.ts";

const ABOUT = `
Asks for the phrase (typed unseen, or piped in), then reads the encrypted records back from the miners in ENGRAM_MINERS,
else from those the chain shows. The folder must be empty or hold the same wallet: an interrupted restore is simply run
again. What was forgotten stays forgotten.`;

interface RestoreCommandOptions extends CommonOptions {
  readonly keysOnly?: boolean;
}

/** `engram restore`: rebuilds wallet, namespaces and memories from the phrase and the miners. */
export function restoreCommand(): Command {
  return dataCommand("restore", "rebuild your memories on this machine from the phrase and the miners")
    .argument("[words...]")
    .usage("[options]")
    .option("--keys-only", "leave the memories at the miners; namespaces with remote search are searched there")
    .addHelpText("after", ABOUT)
    .action((words: string[], options: RestoreCommandOptions) =>
      run(options, async () => {
        if (words.length > 0) {
          throw usageError(
            "a phrase is never given as an argument",
            "Run the command without it; other programs and the shell's history have seen it now.",
          );
        }
        const result = await restoreHome(await askPhrase(), options);
        await print(options.json === true, result, describe);
        for (const { hotkey, reachable } of result.miners) {
          if (!reachable) say(`${hotkey} did not answer: run the command again when it does, it may hold more`);
        }
      }),
    );
}

async function restoreHome(phrase: Secret<string>, options: RestoreCommandOptions): Promise<RestoreResult> {
  const [{ restore }, { homeOf, openCommandClient }, { readClientSettings }, { openEmbedder }, { systemClock }] =
    await Promise.all([
      import("../client/replication/restore.ts"),
      import("./open-client.ts"),
      import("./client-settings.ts"),
      import("../embedding/open-embedder.ts"),
      import("../runtime/clock.ts"),
    ]);
  const home = await homeOf(options.home);
  const { engram, embedding } = await readClientSettings(home);
  const { miners, chain } = engram;
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
  const progress = await startProgress("restoring", null, options);
  await using embedder = await openEmbedder(embedding, { home, clock: systemClock });
  const result = await restore({
    home,
    phrase,
    embedder,
    signal: interrupted.signal,
    onProgress: ({ memories, namespaces }) => progress.at(memories, `${memories} memories, ${namespaces} namespaces`),
    ...(miners === undefined ? {} : { miners }),
    ...(chain === undefined ? {} : { chain }),
    ...(options.keysOnly ? { keysOnly: true } : {}),
  }).finally(() => progress.end());
  if (options.keysOnly) return result;
  say("computing the vectors; the memories can be recalled by their words already");
  await using client = await openCommandClient(options.home);
  await client.settle({ signal: interrupted.signal }).catch(() => undefined);
  return result;
}

async function askPhrase(): Promise<Secret<string>> {
  if (!process.stdin.isTTY) return new Secret(await readStandardInput("the phrase"));
  const { password } = await import("@clack/prompts");
  const answer = await password({ message: "The phrase (it is not shown)", output: process.stderr });
  if (typeof answer === "string") return new Secret(answer);
  throw new EngramError("CONSENT_DECLINED", "nothing was restored", { fix: "Run the command again." });
}

function describe({ memories, namespaces, skipped, miners }: RestoreResult): string {
  const answered = miners.filter(({ reachable }) => reachable).length;
  const odd = skipped === 0 ? "" : `; ${count(skipped, "record")} left out: damaged, incomplete or not yours`;
  const what = `${count(memories, "memory", "memories")} in ${count(namespaces, "namespace")}`;
  return `restored ${what} from ${answered} of ${count(miners.length, "miner")}${odd}`;
}
