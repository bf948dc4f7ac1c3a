import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveMcpMetrics, serverMetrics } from "../../src/mcp/serve-mcp-metrics.ts";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { defaultLocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { startMiner } from "../../src/node/miner/start-miner.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { ReleaseStack } from "../../src/node/runtime/release-stack.ts";
import type { ServiceControl } from "../../src/node/runtime/service-listener.ts";
import { readValidatorConfig } from "../../src/node/validator/validator-config.ts";
import { readGatewayConfig } from "../../src/relay/gateway/gateway-config.ts";
import { startGateway } from "../../src/relay/gateway/start-gateway.ts";
import { startRelayingValidator } from "../../src/relay/validator/start-relaying-validator.ts";
import { quiet } from "../support/client-bench.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

export interface Metric {
  readonly type: string;
  readonly help: string;
  readonly samples: number;
  readonly labels: ReadonlySet<string>;
}

/** Every kind of process with its operator's listener, as its command starts it, on one chain. */
export class MeasuredProcesses implements AsyncDisposable {
  readonly urls: ReadonlyMap<string, string>;
  readonly services: readonly ServiceControl[];
  readonly #stack: AsyncDisposable;

  private constructor(urls: ReadonlyMap<string, string>, services: readonly ServiceControl[], stack: AsyncDisposable) {
    [this.urls, this.services, this.#stack] = [urls, services, stack];
  }

  static async start(): Promise<MeasuredProcesses> {
    await using stack = new ReleaseStack();
    const folder = await mkdtemp(join(tmpdir(), "engram-measured-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const settings = { ...defaultLocalChainSettings, blocks: "stepped" } as const;
    const chain = stack.use(new LocalChain({ path: join(folder, "chain.db"), settings }));
    const deps = { chain, clock: systemClock, logger: quiet };
    const own = { ENGRAM_CHAIN: "local", ENGRAM_ADMIN_PORT: "0" };
    const ports = { host: "127.0.0.1", port: 0 };
    const miner = stack.use(
      await startMiner(join(folder, "miner"), readMinerConfig(own, ports), { ...deps, embedder: new TestEmbedder() }),
    );
    const gatewayConfig = readGatewayConfig(own, join(folder, "gateway"), ports);
    const gateway = stack.use(await startGateway(gatewayConfig, deps));
    const relaying = {
      ...{ XERIS_RELAY_URL: gateway.url, ENGRAM_GATEWAY_HOTKEY: gateway.hotkey, ENGRAM_DAILY_BUDGET_USD: "1" },
      ENGRAM_PAYMENT_RPC_URL: "http://127.0.0.1:1",
    };
    const validatorConfig = readValidatorConfig({ ...own, EMBEDDING_DIM: "32" }, ports);
    const validator = stack.use(
      await startRelayingValidator(join(folder, "validator"), validatorConfig, {
        ...{ ...deps, environment: relaying, relayByHand: true },
      }),
    );
    const home = join(folder, "home");
    await mkdir(home);
    const mcp = stack.use(await serveMcpMetrics(serverMetrics(home), 0));
    const urls = new Map([
      ["miner", miner.operatorUrl ?? ""],
      ["validator", validator.operatorUrl ?? ""],
      ["gateway", gateway.operatorUrl ?? ""],
      ["mcp", mcp.url],
    ]);
    return new MeasuredProcesses(urls, [miner, validator, gateway], stack.move());
  }

  /** What a process registers, by name. */
  async metrics(name: string): Promise<ReadonlyMap<string, Metric>> {
    const response = await fetch(`${this.urls.get(name)}/metrics`);
    if (response.status !== 200) throw new Error(`${name} says ${response.status}`);
    return parseExposition(await response.text());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** By name, of a Prometheus text: its help and type, and the labels its samples have. */
function parseExposition(text: string): ReadonlyMap<string, Metric> {
  const found = new Map<string, Metric>();
  for (const part of text.split(/^(?=# HELP )/m)) {
    const [, name = "", help = ""] = /^# HELP (\S+) (.*)$/m.exec(part) ?? [];
    const type = /^# TYPE \S+ (\S+)$/m.exec(part)?.[1] ?? "";
    const samples = part.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const labels = samples.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label = ""]) => label));
    if (name !== "") found.set(name, { type, help, samples: samples.length, labels: new Set(labels) });
  }
  return found;
}
