import { homedir } from "node:os";
import { posix, win32 } from "node:path";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";

/** Variables as a process was started with. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's variables, a copy: what changes later does not count. An empty one counts as absent. */
export function readEnvironment(): Environment {
  return Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ""));
}

/**
 * Where the data lives: `option` (a command's `--home`), else `ENGRAM_HOME`, else `engram` in the platform's place for
 * data.
 */
export function homeFolder(
  environment: Environment,
  option?: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const chosen = option ?? environment["ENGRAM_HOME"];
  if (chosen !== undefined && chosen !== "") return chosen;
  if (platform === "win32") {
    return win32.join(environment["LOCALAPPDATA"] ?? win32.join(homedir(), "AppData", "Local"), "engram");
  }
  if (platform === "darwin") return posix.join(homedir(), "Library", "Application Support", "engram");
  return posix.join(environment["XDG_DATA_HOME"] ?? posix.join(homedir(), ".local", "share"), "engram");
}

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** `true`, `1`, `yes`, `on` and their opposites, as people write them. */
export const flag = z.stringbool({
  truthy: ["true", "1", "yes", "on"],
  falsy: ["false", "0", "no", "off"],
  error: "must be true or false",
});

/** What every process reads. `LOG_LEVEL` is the reference's name (spec 13). */
export const sharedVariables = z.object({
  ENGRAM_HOME: z.string().optional(),
  ENGRAM_ENV: z.enum(["dev", "mainnet"], "must be dev or mainnet").optional(),
  ENGRAM_LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`).optional(),
  LOG_LEVEL: z
    .string()
    .transform((level) => level.toLowerCase().replace("warning", "warn").replace("critical", "fatal"))
    .pipe(z.enum(LOG_LEVELS))
    .optional()
    .catch(undefined),
});

/** Reads a process's variables by its schema, all problems at once. Throws `CONFIG_INVALID`; values are not shown. */
export function parseVariables<T extends z.ZodType>(schema: T, environment: Environment): z.output<T> {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`);
  throw new EngramError("CONFIG_INVALID", `the configuration is not valid: ${problems.join("; ")}`, {
    fix: "correct these environment variables and start again",
  });
}
