import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const address = z.templateLiteral(["0x", z.string()]);

const ready = z.object({
  event: z.literal("ready"),
  chain: z.string(),
  gateway: z.object({ url: z.string(), hotkey: z.string() }),
  payments: z.object({ rpcUrl: z.string(), payTo: address, asset: address, price: z.number() }).nullable(),
  processes: z.array(
    z.object({
      name: z.string(),
      pid: z.number(),
      hotkey: z.string().nullish(),
      payer: address.nullish(),
    }),
  ),
});

/** What `engram up` says once everything serves. */
export type ReadySubnet = z.infer<typeof ready>;

const START_MS = 120_000;
/** A round of 50 blocks takes ten seconds. */
const BLOCK_MS = 200;

/** `engram up` on the demo's data folder: a chain, miners, validators, a gateway and a payment chain, each a process. */
export class DemoSubnet implements AsyncDisposable {
  readonly ready: ReadySubnet;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, found: ReadySubnet) {
    this.#child = child;
    this.ready = found;
  }

  static async start(home: string, payments: boolean): Promise<DemoSubnet> {
    const options = ["--home", home, "--json", "--block-ms", String(BLOCK_MS), "--no-restart"];
    const child = spawn(
      process.execPath,
      [
        fileURLToPath(new URL("../../bin/engram.js", import.meta.url)),
        "up",
        ...options,
        ...(payments ? [] : ["--no-payments"]),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      return new DemoSubnet(child, await readyEvent(child));
    } catch (error) {
      child.kill("SIGTERM");
      throw error;
    }
  }

  /** Ends one of its processes the hard way; it stays away. */
  kill(name: string): void {
    const found = this.ready.processes.find((one) => one.name === name);
    if (!found) throw new Error(`the subnet has no ${name}`);
    process.kill(found.pid, "SIGKILL");
  }

  count(kind: string): number {
    return this.ready.processes.filter(({ name }) => name.startsWith(kind)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGTERM");
    await once(this.#child, "exit");
  }
}

async function readyEvent(child: ChildProcess): Promise<ReadySubnet> {
  if (!child.stdout) throw new Error("engram up has no output");
  // Read to the end, whatever comes: a pipe that nobody empties would stop it.
  const lines = createInterface({ input: child.stdout });
  const { promise, resolve, reject } = Promise.withResolvers<ReadySubnet>();
  lines.on("line", (line) => {
    const { success, data } = ready.safeParse(JSON.parse(line));
    if (success) resolve(data);
  });
  child.once("exit", (code) => reject(new Error(`engram up ended with exit code ${code}`)));
  const late = setTimeout(() => reject(new Error("engram up was not ready in time")), START_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(late);
  }
}
