import { inspectData, type UpgradeOptions } from "../../backup/upgrade-data.ts";
import { count } from "../output.ts";
import { broken, type Finding, ok, warning } from "./check.ts";

const SHOWN = 3;

/** Whether this program knows the form of every SQLite file in the folder. Nothing is opened for writing. */
export async function checkVersions(options: Pick<UpgradeOptions, "home" | "dataFiles">): Promise<Finding> {
  const name = "versions";
  const files = (await inspectData(options)).filter(({ state }) => state !== "foreign");
  const pathsOf = (wanted: string) => files.filter(({ state }) => state === wanted).map(({ path }) => path);
  const unreadable = files.filter(({ state }) => state === "failed");
  if (unreadable.length > 0) {
    const shown = unreadable.slice(0, SHOWN).map(({ path, problem }) => `${path}: ${problem}`);
    return broken(name, shown.join("; "), "Restore the folder from a backup (docs/operations.md).");
  }
  const newer = pathsOf("newer");
  if (newer.length > 0) {
    return broken(name, `a newer Engram wrote ${shortened(newer)}`, "Install that version again; nothing was changed.");
  }
  const pending = pathsOf("pending");
  if (pending.length > 0) {
    const fix = 'Nothing: each process brings its own forward. "engram upgrade-data" does all at once, with a backup.';
    return warning(name, `of an older version: ${shortened(pending)}`, fix);
  }
  return ok(name, `${count(files.length, "data file")} of this version`);
}

function shortened(paths: readonly string[]): string {
  const rest = paths.length - SHOWN;
  return `${paths.slice(0, SHOWN).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
