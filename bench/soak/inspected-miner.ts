import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { InspectorSession } from "./inspector-session.ts";

const served = z.object({ msg: z.literal("the miner serves"), url: z.string() });

/** What a process holds, after all garbage was collected. */
export interface Held {
  /** All of `heaps`, in bytes. */
  readonly heap: number;
  /** JavaScript heaps of the main thread and of every worker, in bytes. */
  readonly heaps: readonly number[];
  readonly rss: number;
  readonly descriptors: number;
}

/** `engram miner` as a user runs it, watched from outside by Node's inspector: the product knows nothing of it. */
export class InspectedMiner implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #session: InspectorSession;

  private constructor(child: ChildProcess, session: InspectorSession, url: string) {
    this.#child = child;
    this.#session = session;
    this.url = url;
  }

  static async start(folder: string): Promise<InspectedMiner> {
    const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));
    const miner = ["miner", "--home", folder, "--folder", `${folder}/miner`];
    const child = spawn(process.execPath, ["--inspect=127.0.0.1:0", launcher, ...miner], {
      stdio: ["ignore", "ignore", "pipe"],
      cwd: folder,
      env: {
        ...{ ENGRAM_CHAIN: "local", MINER_PORT: "0", ENGRAM_LOG_LEVEL: "info" },
        ...{ RATE_LIMIT_MAX_REQUESTS: "1000000", RATE_LIMIT_WINDOW_SECS: "1" },
      },
    });
    const { inspector, url } = await started(child);
    return new InspectedMiner(child, await InspectorSession.open(inspector), url);
  }

  async measure(): Promise<Held> {
    const heaps = await this.#session.heapsAfterCollection();
    const heap = heaps.reduce((sum, one) => sum + one, 0);
    const { pid } = this.#child;
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { heap, heaps, rss: Number(rss) * 1024, descriptors: this.descriptors() };
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGTERM");
    await once(this.#child, "exit");
  }
}

async function started(child: ChildProcess): Promise<{ readonly inspector: string; readonly url: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ inspector: string; url: string }>();
  let inspector = "";
  if (!child.stderr) throw new Error("the miner has no log");
  createInterface({ input: child.stderr }).on("line", (line) => {
    inspector ||= /^Debugger listening on (ws:\S+)$/.exec(line)?.[1] ?? "";
    if (!line.startsWith("{")) return;
    const { success, data } = served.safeParse(JSON.parse(line));
    if (success) resolve({ inspector, url: data.url });
  });
  child.once("exit", (code) => reject(new Error(`the miner ended with exit code ${code}`)));
  return promise;
}
