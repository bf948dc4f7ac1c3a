import type { Command } from "commander";
import type { UpgradedFile, UpgradeReport } from "../../node/backup/upgrade-data.ts";
import { EXIT } from "../../node/commands/exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "../../node/commands/kit.ts";

interface Options extends CommonOptions {
  readonly check?: boolean;
  readonly backup?: string;
}

const ABOUT = `
Every process brings its own data forward when it starts. This does it for a whole folder at once, for all that is in it
(memories, miner, validator, gateway, relay, payments), while none of them runs, with a copy of before that an older
program can go on with.`;

/** `engram upgrade-data`: brings every SQLite file of a data folder to this version, a backup first. */
export function upgradeDataCommand(): Command {
  return dataCommand("upgrade-data", "bring a data folder of an older version forward, with a backup first")
    .option("--check", "say what would be done, and change nothing")
    .option("--backup <folder>", "put the backup there (default: beside the data folder, named by the time)")
    .addHelpText("after", ABOUT)
    .action((options: Options) => run(options, () => upgrade(options)));
}

async function upgrade({ json = false, check = false, home: option, backup }: Options): Promise<void> {
  const [{ upgradeData }, { dataFiles }, { homeOf }, { print }] = await Promise.all([
    import("../../node/backup/upgrade-data.ts"),
    import("../data-files.ts"),
    import("../../node/commands/open-client.ts"),
    import("../../node/commands/output.ts"),
  ]);
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
  const home = await homeOf(option);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const target = backup ?? `${home.replace(/[\\/]+$/, "")}-backup-${time}`;
  const report = await upgradeData({ home, dataFiles, backup: target, check, signal: interrupted.signal }, Date.now);
  await print(json, report, describe);
  if (!report.ok) process.exitCode = EXIT.failure;
}

const SAYINGS: Readonly<Record<UpgradedFile["state"], (file: UpgradedFile) => string>> = {
  current: () => "is up to date",
  pending: ({ steps }) => `would be brought forward by ${steps.join(", ")}`,
  upgraded: ({ steps }) => `brought forward by ${steps.join(", ")}`,
  newer: () => "was written by a newer Engram: install that again",
  failed: ({ problem }) => `FAILED, and is as it was: ${problem}`,
  foreign: () => "is no file of Engram's: left alone",
};

function describe({ files, backup }: UpgradeReport): string {
  const lines = files.map((file) => `${file.path} ${SAYINGS[file.state](file)}`);
  const end = backup === null ? "Nothing was changed." : `What was there before: ${backup}`;
  return [...lines, end].join("\n");
}
