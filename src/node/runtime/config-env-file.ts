import { existsSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { loadEnvFile } from "node:process";
import { EngramError } from "../../crypto/errors.ts";
import { type Environment, readEnvironment } from "./config.ts";

/** The process's variables, and the file that some of them are from. */
export interface LoadedEnvironment {
  readonly environment: Environment;
  /** Undefined when there was none. */
  readonly file: string | undefined;
  /** Other users of this machine may read the file, which may hold keys. */
  readonly exposed: boolean;
}

const DEFAULT_FILE = ".env";

/**
 * Reads `option` (a command's `--env-file`), else the file that `ENV_FILE` names (spec 13), else `.env` in the working
 * directory when it is there; the null device means no file. What the process was started with wins over the file, unlike in the reference.
 * Errors: `ENV_FILE_UNREADABLE` when a file that was named is not there; no value is ever shown.
 */
export function loadEnvironment(option?: string): LoadedEnvironment {
  const named = option ?? readEnvironment()["ENV_FILE"];
  const file = named ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined);
  if (file === undefined || file === devNull)
    return { environment: readEnvironment(), file: undefined, exposed: false };
  try {
    loadEnvFile(file);
    const exposed = process.platform !== "win32" && (statSync(file).mode & 0o004) !== 0;
    return { environment: readEnvironment(), file, exposed };
  } catch {
    throw new EngramError("ENV_FILE_UNREADABLE", `the environment file ${file} cannot be read`, {
      fix: "name a file of NAME=value lines with --env-file, and let this process's user read it",
    });
  }
}
