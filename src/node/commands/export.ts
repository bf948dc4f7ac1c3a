import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { MemoryClient } from "../client/memory.ts";
import { syncFolder } from "../runtime/replace-file.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { count, print, say, writeOut } from "./output.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
  readonly force?: boolean;
}

/** `engram export`: writes memories as JSON Lines. */
export function exportCommand(): Command {
  return dataCommand("export", "write memories as JSON Lines, one a line, in plain text")
    .argument("[file]", "the file to write; without one they go to standard output")
    .option("-n, --namespace <name>", "write this namespace alone")
    .option("--force", "replace the file when it is there")
    .action((file: string | undefined, options: Options) =>
      withClient(options, async (client) => {
        if (file === undefined || file === "-") {
          const { exportMemories } = await import("../client/transfer/export.ts");
          for await (const chunk of exportMemories(client, options.namespace, () => undefined)) await writeOut(chunk);
          return;
        }
        const exported = await exportTo(file, client, options);
        await print(
          options.json === true,
          { exported, file },
          () => `wrote ${count(exported, "memory", "memories")} to ${file}`,
        );
        if (!options.json) say("The file holds them in plain text: keep it as safe as the memories themselves.");
      }),
    );
}

/** Writes beside the target and moves the whole file there, so that a broken export never stands for a good one. */
async function exportTo(file: string, client: MemoryClient, options: Options): Promise<number> {
  const { exportMemories } = await import("../client/transfer/export.ts");
  if (!options.force) await refuseExisting(file);
  const draft = `${file}.${process.pid}.partial`;
  let exported = 0;
  try {
    await using handle = await open(draft, "wx", 0o600);
    for await (const chunk of exportMemories(client, options.namespace, () => (exported += 1)))
      await handle.write(chunk);
    await handle.sync();
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
  return exported;
}

async function refuseExisting(file: string): Promise<void> {
  let there: FileHandle;
  try {
    there = await open(file, "r");
  } catch {
    return;
  }
  await there.close();
  throw new EngramError("FILE_EXISTS", `${file} is there already`, { fix: "Name another file, or add --force." });
}
