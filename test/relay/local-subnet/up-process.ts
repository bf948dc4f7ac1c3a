import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const launcher = fileURLToPath(new URL("../../../bin/engram.js", import.meta.url));

const address = z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{40}$/)]);

const ready = z.object({
  event: z.literal("ready"),
  home: z.string(),
  chain: z.string(),
  gateway: z.object({ url: z.string(), hotkey: z.string() }),
  payments: z.object({ rpcUrl: z.string(), payTo: address, price: z.int() }).nullable(),
  processes: z.array(z.object({ name: z.string(), pid: z.int(), url: z.string(), payer: address.nullable() })),
  dashboard: z.object({ url: z.string(), link: z.string() }).nullable(),
});
const dashboard = z.object({ event: z.literal("dashboard"), link: z.string() });
const change = z.object({
  event: z.literal("process"),
  name: z.string(),
  state: z.enum(["started", "ended", "restarting"]),
  pid: z.int().nullable(),
});
const status = z.object({
  event: z.literal("status"),
  chain: z.object({ block: z.int(), finalized: z.int() }).nullable(),
  miners: z.object({ reachable: z.int(), of: z.int() }),
  relay: z.record(z.string(), z.object({ states: z.record(z.string(), z.int()) }).nullable()),
  receipts: z.int().nullable(),
  lastReceipt: z
    .object({ signatures: z.object({ have: z.int(), need: z.int() }), paid: z.boolean(), assurance: z.string() })
    .nullable(),
  balances: z.record(z.string(), z.int()).nullable(),
});
const event = z.discriminatedUnion("event", [ready, change, status, dashboard]);

export type Ready = z.output<typeof ready>;
export type Status = z.output<typeof status>;

/** `engram up --json` in a process of its own, and what it says. */
export class UpProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  /** The process that has each name now. */
  readonly running = new Map<string, number>();
  /** Every process there ever was. */
  readonly pids = new Set<number>();
  ready: Ready | null = null;
  status: Status | null = null;
  /** The dashboard's next one, once somebody signed in. */
  link: string | null = null;
  #stderr = "";
  #news = Promise.withResolvers<void>();

  constructor(home: string, options: readonly string[] = [], more: Readonly<Record<string, string>> = {}) {
    const { PATH = "", HOME = "" } = process.env;
    this.child = spawn(process.execPath, [launcher, "up", "--home", home, "--json", ...options], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { PATH, HOME, ...more },
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.child.once("exit", () => this.#tell());
    if (this.child.stdout) createInterface({ input: this.child.stdout }).on("line", (line) => this.#hear(line));
  }

  /** Resolves once everything serves. */
  static async start(
    home: string,
    options: readonly string[] = [],
    more: Readonly<Record<string, string>> = {},
  ): Promise<UpProcess & { readonly ready: Ready }> {
    const up = new UpProcess(home, options, more);
    await up.until("everything serves", () => up.ready !== null, 90_000);
    return up as UpProcess & { readonly ready: Ready };
  }

  #hear(line: string): void {
    const said = event.parse(JSON.parse(line));
    if (said.event === "ready") this.ready = said;
    else if (said.event === "status") this.status = said;
    else if (said.event === "dashboard") this.link = said.link;
    else if (said.state === "started" && said.pid !== null) {
      this.running.set(said.name, said.pid);
      this.pids.add(said.pid);
    } else this.running.delete(said.name);
    this.#tell();
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Looks at every piece of news until `holds`. */
  async until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs: number): Promise<void> {
    const late = AbortSignal.timeout(deadlineMs);
    const over = new Promise<void>((resolve) => late.addEventListener("abort", () => resolve(), { once: true }));
    for (;;) {
      const news = this.#news.promise;
      if (await holds()) return;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`engram up ended before ${what}: ${this.#stderr}`);
      }
      if (late.aborted) throw new Error(`not within ${deadlineMs} ms: ${what}; ${JSON.stringify(this.status)}`);
      await Promise.race([news, over]);
    }
  }

  /** Resolves when it and every process it started are gone, with its exit code and signal. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<readonly [number | null, string | null]> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, "exit");
      child.kill(signal);
      await exit;
    }
    await gone(this.pids);
    return [child.exitCode, child.signalCode];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}

/** Resolves when none of the processes is there any more. */
async function gone(pids: Iterable<number>): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (const pid of pids) {
    while (isThere(pid)) {
      if (Date.now() > deadline) throw new Error(`process ${pid} is left`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
