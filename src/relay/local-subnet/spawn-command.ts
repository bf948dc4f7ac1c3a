import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { isHotkey } from "../../crypto/ss58.ts";
import type { LogFile } from "./log-file.ts";
import type { RunningService } from "./service.ts";

export interface CommandOptions {
  readonly name: string;
  /** The command and its options. */
  readonly args: readonly string[];
  /** All of it: nothing of this process's own variables is passed on. */
  readonly environment: Readonly<Record<string, string>>;
  /** The sentence it logs once it serves. */
  readonly serves: string;
  readonly log: LogFile;
  readonly signal: AbortSignal;
}

const START_MS = 60_000;
const STOP_MS = 10_000;
/** Lines of an error that are shown. */
const LAST_LINES = 4;

/** The same place from src/ and from dist/. */
const launcher = fileURLToPath(new URL("../../../bin/engram.js", import.meta.url));

const served = z.looseObject({
  msg: z.string(),
  url: z.string(),
  hotkey: z.string().refine(isHotkey).optional(),
});

/** What a command said of itself when it began to serve. */
type Served = z.output<typeof served>;

/** Starts one of this program's own commands and waits until it serves. Errors: `SUBNET_PROCESS`, the signal's reason. */
export async function spawnCommand(options: CommandOptions): Promise<RunningService> {
  const { args, environment, signal } = options;
  signal.throwIfAborted();
  const child = spawn(process.execPath, [launcher, ...args], {
    // Over the channel a child sees that this process is gone, even one killed with SIGKILL; the launcher follows it
    // from its first moment on.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { ...environment, ENGRAM_LAUNCHED: "1" },
    // Not in the terminal's group: Ctrl-C stops them in order, not all at once.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const ended = endOf(child);
  try {
    const { url, hotkey = null } = await serving(child, options);
    return { pid: child.pid ?? 0, url, hotkey, ended, stop: () => stop(child, ended) };
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw error;
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

async function serving(child: ChildProcess, { name, serves, log, signal }: CommandOptions): Promise<Served> {
  const { promise, resolve, reject } = Promise.withResolvers<Served>();
  const last: string[] = [];
  const fail = (how: string, cause?: unknown) => reject(failure(name, how, last, cause));
  const late = setTimeout(() => fail(`did not serve within ${START_MS / 1000} s`), START_MS);
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  child.once("error", (cause) => fail("could not be started", cause));
  // Not "exit": what it wrote last arrives before this.
  child.once("close", (code, killedBy) => fail(`ended while it started (${killedBy ?? `exit code ${code}`})`));
  child.stderr?.on("data", (chunk: Buffer) => log.append(chunk));
  if (child.stderr) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      const found = served.safeParse(parsed(line)).data;
      if (found?.msg === serves) resolve(found);
    });
  }
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", abort);
  }
}

function failure(name: string, how: string, last: readonly string[], cause: unknown): EngramError {
  const said = last.filter((line) => line !== "" && parsed(line) === undefined).join(" ");
  return new EngramError("SUBNET_PROCESS", `${name} ${how}${said === "" ? "" : `: ${said}`}`, {
    fix: `its log is subnet/logs/${name}.log in the data folder`,
    ...(cause === undefined ? {} : { cause }),
  });
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return await ended;
  // Windows knows no signals: there the channel's end is the request.
  if (process.platform !== "win32") child.kill("SIGTERM");
  else if (child.connected) child.disconnect();
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(late);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
