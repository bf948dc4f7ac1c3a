import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { type RunningMiner, startMiner } from "../../src/node/miner/start-miner.ts";
import type { Embedder } from "../../src/node/ports.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import type { Logger } from "../../src/node/runtime/logger.ts";
import { ReleaseStack } from "../../src/node/runtime/release-stack.ts";
import { quiet } from "./client-bench.ts";
import { FixedChain } from "./fixed-chain.ts";
import { TestEmbedder } from "./test-embedder.ts";

interface Running {
  miner: RunningMiner;
  stopped: boolean;
  readonly folder: string;
}

/** Real miners over TCP in this process, each with a folder of its own. */
export class TcpMiners implements AsyncDisposable {
  readonly #running: Running[] = [];
  readonly #stack = new ReleaseStack();
  readonly #logger: Logger;
  readonly #embedder: () => Embedder;

  private constructor(logger: Logger, embedder: () => Embedder) {
    this.#logger = logger;
    this.#embedder = embedder;
  }

  static async start(
    count: number,
    logger: Logger = quiet,
    embedder: () => Embedder = () => new TestEmbedder(),
  ): Promise<TcpMiners> {
    const miners = new TcpMiners(logger, embedder);
    const folder = await mkdtemp(join(tmpdir(), "engram-miners-"));
    miners.#stack.defer(() => rm(folder, { recursive: true, force: true }));
    for (let i = 0; i < count; i++) {
      const own = join(folder, `miner-${i}`);
      miners.#running.push({ miner: await miners.#startIn(own, 0), stopped: false, folder: own });
    }
    return miners;
  }

  get miners(): readonly RunningMiner[] {
    return this.#running.map(({ miner }) => miner);
  }

  /** Where each keeps its files. */
  get folders(): readonly string[] {
    return this.#running.map(({ folder }) => folder);
  }

  /** As in ENGRAM_MINERS. */
  get list(): string {
    return this.miners.map(({ hotkey, url }) => `${hotkey}@${url}`).join(",");
  }

  async stop(index: number): Promise<void> {
    const one = this.#running[index];
    if (!one || one.stopped) return;
    one.stopped = true;
    await one.miner[Symbol.asyncDispose]();
  }

  /** Starts it again with its records, hotkey and address. */
  async restart(index: number): Promise<void> {
    const one = this.#running[index];
    if (!one?.stopped) return;
    one.miner = await this.#startIn(one.folder, Number(new URL(one.miner.url).port));
    one.stopped = false;
  }

  async #startIn(folder: string, port: number): Promise<RunningMiner> {
    const environment = { ENGRAM_CHAIN: "local", RATE_LIMIT_MAX_REQUESTS: "1000000" };
    const config = readMinerConfig(environment, { host: "127.0.0.1", port });
    const [embedder, chain] = [this.#embedder(), new RegisteringChain()];
    return startMiner(folder, config, { embedder, chain, clock: systemClock, logger: this.#logger });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const index of this.#running.keys()) await this.stop(index);
    await this.#stack[Symbol.asyncDispose]();
  }
}

class RegisteringChain extends FixedChain {
  override async register(): Promise<number> {
    return 0;
  }
}
