import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A process that stores into a data folder (storing-child.ts), and what it was told of. */
export class StoringProcess {
  readonly stored = new Set<string>();
  /** Asked to be forgotten, perhaps without an answer. */
  readonly forgetting = new Set<string>();
  readonly forgot = new Set<string>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #heard: Promise<void>;
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(home: string, name: string, count = 0) {
    const script = new URL("storing-child.ts", import.meta.url).pathname;
    this.#child = spawn(process.execPath, [script, home, name, String(count)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#ended = once(this.#child, "exit");
    this.#heard = this.#listen();
  }

  async #listen(): Promise<void> {
    if (!this.#child.stdout) return;
    for await (const line of createInterface(this.#child.stdout)) this.#hear(line);
    this.#waiting?.resolve();
  }

  /** A line that the kill cut in two was not acknowledged. */
  #hear(line: string): void {
    if (!line.endsWith("]")) return;
    const [event, id] = JSON.parse(line) as [string, string];
    if (event === "stored") this.stored.add(id);
    if (event === "forgetting") this.forgetting.add(id);
    if (event === "forgot") this.forgot.add(id);
    if (this.#waiting && this.stored.size >= this.#waiting.count) this.#waiting.resolve();
  }

  /** Resolves when so many stores were acknowledged, or the process ended. */
  async hasStored(count: number): Promise<void> {
    if (this.stored.size >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { count, resolve };
    await promise;
  }

  /** What it died of. */
  async kill(): Promise<NodeJS.Signals | null> {
    this.#child.kill("SIGKILL");
    await this.ended();
    return this.#child.signalCode;
  }

  async ended(): Promise<number | null> {
    await this.#ended;
    await this.#heard;
    return this.#child.exitCode;
  }
}
