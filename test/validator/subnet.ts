import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { type RunningMiner, startMiner } from "../../src/node/miner/start-miner.ts";
import type { ChainClient, RankingRound } from "../../src/node/ports.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { ReleaseStack } from "../../src/node/runtime/release-stack.ts";
import {
  type RunningValidator,
  startValidator,
  validatorIdentityFolder,
} from "../../src/node/validator/start-validator.ts";
import { readValidatorConfig } from "../../src/node/validator/validator-config.ts";
import type { ValidatorContext } from "../../src/node/validator/validator-context.ts";
import { quiet } from "../support/client-bench.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

/** Changes what a miner answers, by its path; the text as it is when there is nothing to change. */
export type Tamper = (path: string, text: string) => string;

interface ValidatorChanges {
  readonly stake?: number;
  readonly agreementWaitMs?: number;
  /** The subnet's chain as this validator sees it. */
  readonly chain?: ChainClient;
  /** Is given what an extension is given. */
  readonly onContext?: (context: ValidatorContext) => void;
}

/** Miners and validators over TCP on one stepped chain. */
export class Subnet implements AsyncDisposable {
  readonly chain: LocalChain;
  readonly folder: string;
  /** By the validator's name. */
  readonly emitted = new Map<string, RankingRound[]>();
  readonly #stack = new ReleaseStack();

  private constructor(folder: string) {
    this.folder = folder;
    const settings = {
      blocks: "stepped",
      blockMs: 12_000,
      finalityLag: 0,
      historyBlocks: 512,
      weightsInterval: 20,
    } as const;
    this.chain = new LocalChain({ path: join(folder, "chain.db"), settings });
    this.#stack.defer(() => rm(folder, { recursive: true, force: true }));
    this.#stack.use(this.chain);
  }

  static async start(): Promise<Subnet> {
    return new Subnet(await mkdtemp(join(tmpdir(), "engram-subnet-")));
  }

  async miner(name: string, tamper?: Tamper): Promise<RunningMiner> {
    const environment = { ENGRAM_CHAIN: "local", RATE_LIMIT_MAX_REQUESTS: "1000000" };
    const config = readMinerConfig(environment, { host: "127.0.0.1", port: 0 });
    const deps = { embedder: new TestEmbedder(), chain: this.chain, clock: systemClock, logger: quiet };
    const miner = await startMiner(join(this.folder, name), config, deps);
    this.#stack.use(once(miner));
    if (tamper) await this.chain.serveAxon(miner.hotkey, await this.#between(miner.url, tamper));
    return miner;
  }

  /** A validator; every block and every `runRound` brings its round on. */
  async validator(
    name: string,
    environment: Record<string, string> = {},
    { stake = 1_000, onContext, chain = this.chain, ...changed }: ValidatorChanges = {},
  ): Promise<RunningValidator> {
    const folder = join(this.folder, name);
    const { hotkey } = await openWallet(validatorIdentityFolder(folder));
    await this.chain.register(hotkey, hotkey);
    await this.chain.stake(hotkey, stake);
    const variables = { ENGRAM_CHAIN: "local", EMBEDDING_DIM: "32", ...environment };
    const { options, ...config } = readValidatorConfig(variables, { host: "127.0.0.1", port: 0 });
    const rounds = this.emitted.get(name) ?? [];
    this.emitted.set(name, rounds);
    const emitRanking = async (round: RankingRound) => void rounds.push(round);
    const validator = await startValidator(
      folder,
      { ...config, options: { ...options, ...changed } },
      {
        chain,
        clock: systemClock,
        logger: quiet,
        extend: (context) => {
          onContext?.(context);
          return { relay: { emitRanking } };
        },
      },
    );
    return this.#stack.use(once(validator));
  }

  async #between(url: string, tamper: Tamper): Promise<string> {
    const server = createServer((incoming, outgoing) => {
      void relay(url, tamper, incoming, outgoing);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#stack.defer(() => closed(server));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}

async function relay(
  url: string,
  tamper: Tamper,
  incoming: import("node:http").IncomingMessage,
  outgoing: import("node:http").ServerResponse,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  const path = incoming.url ?? "/";
  const reply = await fetch(`${url}${path}`, { method: "POST", body: Buffer.concat(chunks) });
  outgoing.writeHead(reply.status, { "content-type": "application/json" });
  outgoing.end(tamper(path, await reply.text()));
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** The service, stopped once however often it is disposed. */
function once<T extends AsyncDisposable>(service: T): T {
  let stopped: PromiseLike<void> | undefined;
  const stop = service[Symbol.asyncDispose].bind(service);
  return { ...service, [Symbol.asyncDispose]: () => (stopped ??= stop()) };
}
