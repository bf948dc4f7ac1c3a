import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import pkg from "../../../package.json" with { type: "json" };
import { type LaunchEntry, launchEntry } from "../install/launch-entry.ts";

/**
 * How a client starts the installation that runs now, on the data folder `home`. It does so without this shell's
 * variables: a folder that `ENGRAM_HOME` names here is named there.
 */
export function entryHere(home: string | undefined): LaunchEntry {
  const folder = home ?? (process.env["ENGRAM_HOME"] || undefined);
  return launchEntry({
    platform: process.platform,
    node: process.execPath,
    script: resolve(dirname(fileURLToPath(import.meta.url)), "../../../bin/engram.js"),
    packageName: pkg.name,
    light: !isInstalled("viem"),
    home: folder === undefined ? undefined : resolve(folder),
  });
}

/** One of the optional packages stands for all: npm leaves out all or none. */
function isInstalled(name: keyof typeof pkg.optionalDependencies): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
