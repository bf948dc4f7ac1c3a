import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));
const served = z.object({ msg: z.literal("the miner serves"), url: z.string() });

/** `engram miner` on `folder` as its operator runs it: a process of its own, ended by signals. */
export class MinerChild implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  private constructor(child: ChildProcess, exit: Promise<unknown>, url: string) {
    this.#child = child;
    this.#exit = exit;
    this.url = url;
  }

  static async start(folder: string, variables: Readonly<Record<string, string>> = {}): Promise<MinerChild> {
    const child = spawn(process.execPath, [launcher, "miner", "--home", folder, "--folder", `${folder}/miner`], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ENGRAM_CHAIN: "local", MINER_PORT: "0", RATE_LIMIT_MAX_REQUESTS: "1000000", ...variables },
      cwd: folder,
    });
    const exit = once(child, "exit");
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const lines: string[] = [];
    if (child.stderr) {
      createInterface({ input: child.stderr }).on("line", (line) => {
        lines.push(line);
        const { success, data } = served.safeParse(parsed(line));
        if (success) resolve(data.url);
      });
    }
    child.once("close", () => reject(new Error(`the miner ended: ${lines.join("\n")}`)));
    return new MinerChild(child, exit, await promise);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code, or the signal that it died of. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#exit;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
