import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { type RunningMiner, startMiner } from "../../src/node/miner/start-miner.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { ReleaseStack } from "../../src/node/runtime/release-stack.ts";
import { quiet } from "./client-bench.ts";
import { FixedChain } from "./fixed-chain.ts";
import { TestEmbedder } from "./test-embedder.ts";

/** Real miners over TCP in this process, each with a folder of its own. */
export class TcpMiners implements AsyncDisposable {
  readonly miners: readonly RunningMiner[];
  readonly #stack: ReleaseStack;
  readonly #stopped = new Set<RunningMiner>();

  private constructor(miners: readonly RunningMiner[], stack: ReleaseStack) {
    this.miners = miners;
    this.#stack = stack;
  }

  static async start(count: number): Promise<TcpMiners> {
    const stack = new ReleaseStack();
    const folder = await mkdtemp(join(tmpdir(), "engram-miners-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const config = readMinerConfig(
      { ENGRAM_CHAIN: "local", RATE_LIMIT_MAX_REQUESTS: "1000000" },
      { host: "127.0.0.1", port: 0 },
    );
    const chain = new RegisteringChain();
    const miners: RunningMiner[] = [];
    for (let i = 0; i < count; i++) {
      const deps = { embedder: new TestEmbedder(), chain, clock: systemClock, logger: quiet };
      miners.push(await startMiner(join(folder, `miner-${i}`), config, deps));
    }
    return new TcpMiners(miners, stack);
  }

  /** As in ENGRAM_MINERS. */
  get list(): string {
    return this.miners.map(({ hotkey, url }) => `${hotkey}@${url}`).join(",");
  }

  async stop(miner: RunningMiner): Promise<void> {
    this.#stopped.add(miner);
    await miner[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const miner of this.miners) if (!this.#stopped.has(miner)) await miner[Symbol.asyncDispose]();
    await this.#stack[Symbol.asyncDispose]();
  }
}

class RegisteringChain extends FixedChain {
  override async register(): Promise<number> {
    return 0;
  }
}
