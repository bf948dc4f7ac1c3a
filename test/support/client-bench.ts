import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { type OpenClientOptions, openMemoryClient } from "../../src/node/client/open-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { TestEmbedder } from "./test-embedder.ts";

export const quiet = createLogger({ level: "silent" });

/** A data folder of one test, and clients on it that are closed with it. */
export class ClientBench implements AsyncDisposable {
  readonly home: string;
  readonly #clients: MemoryClient[] = [];

  private constructor(home: string) {
    this.home = home;
  }

  static async make(): Promise<ClientBench> {
    return new ClientBench(join(await mkdtemp(join(tmpdir(), "engram-client-")), "home"));
  }

  open(options: Partial<OpenClientOptions> = {}): MemoryClient {
    const client = openMemoryClient({ home: this.home, log: quiet, embedder: new TestEmbedder(), ...options });
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    await rm(join(this.home, ".."), { recursive: true, force: true });
  }
}

/** Time that stands still until a test moves it; sleeps end when they are aborted alone. */
export class StandingClock {
  #now: number;

  constructor(now = Date.UTC(2026, 0, 5)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }

  async sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    if (!signal) return promise;
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise;
  }
}
