import type { Command } from "commander";
import { run } from "../../node/commands/kit.ts";
import { say } from "../../node/commands/output.ts";

/** Taken before the subcommand and behind it. */
interface FolderOptions {
  readonly json?: boolean;
  readonly home?: string;
  readonly folder?: string;
}

/** A subcommand's own: the group's stand before its name alone. */
export function withFolder(command: Command): Command {
  return command
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "the gateway's own (default: gateway in the data folder)");
}

/** A command that did not do what it was told. */
export function fail(sentence: string): void {
  say(sentence);
  process.exitCode = 1;
}

/** Works in the gateway's folder. */
export async function inFolder(command: Command, work: (folder: string) => Promise<void>): Promise<void> {
  const options = command.optsWithGlobals<FolderOptions>();
  await run(options, async () => {
    const [{ homeFolder }, { join }] = await Promise.all([import("../../node/runtime/config.ts"), import("node:path")]);
    await work(options.folder ?? join(homeFolder(process.env, options.home), "gateway"));
  });
}
