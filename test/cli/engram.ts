import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished, vi } from "vitest";

// A test starts up to ten processes, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000 });

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command line in a process of its own; nothing of the tester's own settings reaches it. */
export async function engram(
  home: string,
  args: readonly string[],
  input = "",
  more: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { PATH, HOME, TZ: "UTC", ENGRAM_HOME: home, ...more },
  });
  child.stdin.on("error", () => undefined); // a command that reads nothing may be gone already
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number | null, stdout, stderr };
}

/** Runs a command with `--json` and parses its result, which must be one line. */
export async function engramJson<T>(home: string, args: readonly string[], input = ""): Promise<T> {
  const outcome = await engram(home, [...args, "--json"], input);
  if (outcome.code !== 0) throw new Error(`engram ${args.join(" ")} left with ${outcome.code}: ${outcome.stderr}`);
  return JSON.parse(outcome.stdout) as T;
}

/** The error of a command that was run with `--json`. */
export function errorOf({ stderr }: Outcome): {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
} {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return (JSON.parse(last) as { error: { code: string; message: string; fix?: string } }).error;
}

/** A folder for one test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "engram-cli-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
