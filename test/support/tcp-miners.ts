import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { type RunningMiner, startMiner } from "../../src/node/miner/start-miner.ts";
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

  private constructor(logger: Logger) {
    this.#logger = logger;
  }

  static async start(count: number, logger: Logger = quiet): Promise<TcpMiners> {
    const miners = new TcpMiners(logger);
    const folder = await mkdtemp(join(tmpdir(), "engram-miners-"));
    miners.#stack.defer(() => rm(folder, { recursive: true, force: true }));
    for (let i = 0; i < count; i++) {
      const own = join(folder, `miner-${i}`);
      miners.#running.push({ miner: await startIn(own, 0, logger), stopped: false, folder: own });
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
    one.miner = await startIn(one.folder, Number(new URL(one.miner.url).port), this.#logger);
    one.stopped = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const index of this.#running.keys()) await this.stop(index);
    await this.#stack[Symbol.asyncDispose]();
  }
}

async function startIn(folder: string, port: number, logger: Logger): Promise<RunningMiner> {
  const environment = { ENGRAM_CHAIN: "local", RATE_LIMIT_MAX_REQUESTS: "1000000" };
  const config = readMinerConfig(environment, { host: "127.0.0.1", port });
  const deps = { embedder: new TestEmbedder(), chain: new RegisteringChain(), clock: systemClock, logger };
  return startMiner(folder, config, deps);
}

class RegisteringChain extends FixedChain {
  override async register(): Promise<number> {
    return 0;
  }
}
