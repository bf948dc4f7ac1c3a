import type { Command } from "commander";
import type { BackupResult } from "../backup/make-backup.ts";
import type { BackupReport } from "../backup/verify-backup.ts";
import { EXIT } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { count, print, say } from "./output.ts";

interface Options extends CommonOptions {
  readonly withKeys?: boolean;
  readonly verify?: boolean;
}

const ABOUT = `
Copies every database of the data folder (memories, miner, validator, gateway) while its processes run. What was
acknowledged before it began is in it. Hotkeys and phrases are left out unless --with-keys says otherwise.
To restore: stop the processes, move the old folder away, and copy the backup to its place (docs/operations.md).`;

/** `engram backup`: copies a data folder while it is in use, or verifies such a copy. */
export function backupCommand(): Command {
  return dataCommand("backup", "copy the data folder while it is in use, and verify such copies")
    .argument("<target>", "a folder that is not there yet; with --verify a backup")
    .option("--with-keys", "copy hotkeys, phrases and payment keys too: keep that backup as safe as they are")
    .option("--verify", "read a backup's every byte and compare it with what was written")
    .addHelpText("after", ABOUT)
    .action((target: string, options: Options) =>
      run(options, () => (options.verify ? verify(target, options) : backUp(target, options))),
    );
}

async function backUp(target: string, { json = false, ...options }: Options): Promise<void> {
  const [{ makeBackup }, { homeOf }] = await Promise.all([
    import("../backup/make-backup.ts"),
    import("./open-client.ts"),
  ]);
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
  const { signal } = interrupted;
  const home = await homeOf(options.home);
  const result = await makeBackup({ home, target, withKeys: options.withKeys === true, signal }, Date.now);
  await print(json, result, describeBackup);
  for (const path of result.unknown) say(`${path}: not copied, it is no file of Engram's`);
  if (result.keys_left_out > 0) {
    say(`${count(result.keys_left_out, "key file")} left out: without the phrase this backup restores no identity`);
  }
}

async function verify(target: string, { json = false }: Options): Promise<void> {
  const { verifyBackup } = await import("../backup/verify-backup.ts");
  const report = await verifyBackup(target);
  await print(json, report, describeReport);
  if (!report.ok) process.exitCode = EXIT.failure;
}

function describeBackup({ target, databases, bytes, keys }: BackupResult): string {
  const withKeys = keys === 0 ? "" : ` and ${count(keys, "key file")}`;
  return `copied ${count(databases, "database")}${withKeys} to ${target} (${(bytes / 1e6).toFixed(1)} MB)`;
}

function describeReport({ ok, began_at, files, problems }: BackupReport): string {
  if (ok) return `good: ${count(files, "file")} as written at ${began_at}`;
  return problems.map(({ path, problem }) => `${path} ${problem}`).join("\n");
}
