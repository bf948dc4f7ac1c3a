import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

interface Reply {
  readonly id?: number;
  readonly result?: { readonly isError?: boolean; readonly structuredContent?: unknown };
  readonly error?: { readonly message: string };
}

/** A raw JSON-RPC client: adds nothing of its own to what is measured. */
export class StdioClient implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #next = 0;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [program = process.execPath, ...rest] = command;
    this.#child = spawn(program, rest, { stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, ...env } });
    createInterface(this.#child.stdout).on("line", (line) => {
      const reply = JSON.parse(line) as Reply;
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  async request(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#next;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.set(id, resolve);
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    const reply = await promise;
    if (reply.error) throw new Error(reply.error.message);
    if (reply.result?.isError) throw new Error(JSON.stringify(reply.result));
    return reply.result;
  }

  async initialize(): Promise<void> {
    await this.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "bench", version: "0" },
    });
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`);
  }

  async call(name: string, args: unknown): Promise<unknown> {
    return this.request("tools/call", { name, arguments: args });
  }

  /** Resident memory of the server's process in MB (Linux). */
  residentMb(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.stdin.end();
    await exited;
  }
}
