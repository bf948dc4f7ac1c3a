import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program that prints lines, and that is killed and started again. */
export class Killable implements AsyncDisposable {
  readonly #program: string;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(program: string) {
    this.#program = fileURLToPath(new URL(program, import.meta.url));
  }

  /** Starts it, and answers its lines. Nothing is heard of it after its end. */
  start(options: object): AsyncIterator<string> {
    const { PATH = "", HOME = "", TMPDIR } = process.env;
    const child = spawn(process.execPath, [this.#program, JSON.stringify(options)], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }) },
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("exit", resolve));
    return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Ends it at once, wherever it is. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The next line, or an error when the program ended before it said anything. */
export async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error("the program ended");
  return value;
}
