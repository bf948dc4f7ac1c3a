import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { openChain } from "../../node/chain/open-chain.ts";
import { openWallet } from "../../node/chain/wallet.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Environment } from "../../node/runtime/config.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import { replaceFile } from "../../node/runtime/replace-file.ts";
import { forgetSubnet, saveSubnet } from "../../node/runtime/saved-subnet.ts";
import { lockFile } from "../../node/runtime/sqlite-lock.ts";
import { anvilBinary } from "../evm/anvil-binary.ts";
import type { LocalEvm } from "../evm/local-evm.ts";
import { identityFolder } from "../gateway/gateway-store.ts";
import { parseMicroDollars } from "../payment/micro-dollars.ts";
import { AnvilService } from "./anvil-service.ts";
import { CommandService, type CommandServiceOptions } from "./command-service.ts";
import { fundAccounts, openAccounts, type SubnetAccounts, stakeValidators } from "./funding.ts";
import {
  ANVIL,
  baseEnvironment,
  CHAIN,
  DAILY_BUDGET_USD,
  folderOf,
  GATEWAY,
  measuredNames,
  minerNames,
  operatorName,
  processNames,
  type SubnetPlan,
  subnetFolder,
  validatorNames,
} from "./plan.ts";
import { choosePorts, type Ports, waitForPorts } from "./ports.ts";
import type { RunningService, Service } from "./service.ts";
import { type ProcessEvent, Supervised } from "./supervised.ts";

export interface LocalSubnetDeps {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly onEvent: (event: ProcessEvent) => void;
  /** Ends a start half-way. */
  readonly signal: AbortSignal;
}

/** The money of a subnet: play dollars on a chain of its own. */
interface SubnetMoney {
  readonly accounts: SubnetAccounts;
  /** Millionths of a dollar a submission. */
  readonly price: number;
  /** The payment chain that runs now, or ran last. */
  readonly evm: () => LocalEvm | undefined;
}

/** A local subnet of child processes that serves. */
export interface LocalSubnet extends AsyncDisposable {
  readonly plan: SubnetPlan;
  /** What `ENGRAM_CHAIN` is in its processes. */
  readonly chain: string;
  readonly gateway: { readonly url: string; readonly hotkey: Hotkey };
  /** Null without a payment chain. */
  readonly money: SubnetMoney | null;
  /** In the order they were started. */
  readonly processes: readonly Supervised[];
}

/**
 * Starts the processes of `plan` in their order, each once those it needs serve, and saves for other processes of the
 * data folder how to find them. Disposing forgets that, and stops validators, gateway, miners, payment chain and chain in this order.
 * Errors: `SUBNET_RUNNING`, `PAYMENTS_UNAVAILABLE`, `PORT_TAKEN`, `SUBNET_PROCESS`, the signal's reason.
 */
export async function startLocalSubnet(plan: SubnetPlan, deps: LocalSubnetDeps): Promise<LocalSubnet> {
  if (plan.payments) anvilBinary();
  const folder = subnetFolder(plan);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await using stack = new ReleaseStack();
  stack.use(lockOrRefuse(join(folder, "lock")));
  const portsFile = join(folder, "ports.json");
  const ports = await choosePorts(portsFile, [...processNames(plan), ...measuredNames(plan).map(operatorName)]);
  await waitForPorts(portsFile, ports, deps.clock, deps.signal);
  const starter = new Starter(plan, ports, deps);
  // Released first, and as a whole: the order of stopping is not that of starting.
  stack.defer(() => starter.stop());
  // Memories stay usable without the subnet; a server that looked for it would find nobody.
  stack.defer(() => forgetSubnet(plan.home));
  const subnet = await starter.start();
  await replaceFile(
    join(folder, "prometheus-targets.json"),
    `${JSON.stringify(scrapeTargets(plan, ports), null, 2)}\n`,
  );
  const release = stack.move();
  return { ...subnet, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}

/** For Prometheus's file_sd_configs. */
function scrapeTargets(plan: SubnetPlan, ports: Ports) {
  return measuredNames(plan).map((name) => ({
    targets: [`127.0.0.1:${ports[operatorName(name)]}`],
    labels: { job: `engram-${name.replace(/-\d+$/, "")}`, node: name },
  }));
}

function lockOrRefuse(path: string): Disposable {
  const lock = lockFile(path);
  if (lock) return lock;
  throw new EngramError("SUBNET_RUNNING", "engram up runs on this data folder already", {
    fix: "use the subnet that runs, stop it first, or name another folder with --home",
  });
}

/** The steps of a start, and what each learned for the next. */
class Starter {
  readonly #plan: SubnetPlan;
  readonly #ports: Ports;
  readonly #deps: LocalSubnetDeps;
  readonly #base: Record<string, string>;
  readonly #processes: Supervised[] = [];

  constructor(plan: SubnetPlan, ports: Ports, deps: LocalSubnetDeps) {
    this.#plan = plan;
    this.#ports = ports;
    this.#deps = deps;
    this.#base = baseEnvironment(deps.environment);
  }

  async start(): Promise<Omit<LocalSubnet, typeof Symbol.asyncDispose>> {
    const plan = this.#plan;
    const args = ["--block-ms", String(plan.blockMs)];
    const setting = await this.#startChain(args);
    const node = { ...this.#base, ENGRAM_CHAIN: setting };
    // What does not need the other starts beside it.
    const [, , money] = await Promise.all([
      Promise.all(minerNames(plan).map((name) => this.#startCommand({ name, command: "miner", environment: node }))),
      stakeValidators(plan, setting),
      plan.payments ? this.#startMoney() : null,
    ]);
    const gateway = await this.#startGateway(node, money);
    // Of two validators or more each waits for another, so that what is relayed was agreed on.
    const agreeing = { CONSENSUS_MIN_VALIDATORS: plan.validators > 1 ? "1" : "0" };
    const relaying = { ...node, ...this.#relayVariables(gateway, money), ...agreeing };
    await Promise.all(
      validatorNames(plan).map((name) => this.#startCommand({ name, command: "validator", environment: relaying })),
    );
    await saveSubnet(plan.home, { ENGRAM_CHAIN: setting, ...this.#relayVariables(gateway, money) });
    return { plan, chain: setting, gateway, money, processes: this.#inOrder() };
  }

  /** What `ENGRAM_CHAIN` has to be: with its identity, so that nobody mistakes another chain on its port for it. */
  async #startChain(args: readonly string[]): Promise<string> {
    const { url } = await this.#startCommand({ name: CHAIN, command: "chain", args, environment: this.#base });
    await using chain = openChain(`local:${url}`, subnetFolder(this.#plan));
    return `local:${url}#${(await chain.identity()).slice("local:".length)}`;
  }

  async #startMoney(): Promise<SubnetMoney> {
    const anvil = new AnvilService({ folder: folderOf(this.#plan, ANVIL), port: this.#portOf(ANVIL) });
    await this.#keep(anvil);
    const accounts = await openAccounts(this.#plan);
    if (anvil.evm) await fundAccounts(this.#plan, anvil.evm, accounts);
    return { accounts, price: parseMicroDollars(this.#plan.price, "up"), evm: () => anvil.evm };
  }

  async #startGateway(node: Record<string, string>, money: SubnetMoney | null): Promise<LocalSubnet["gateway"]> {
    const { price } = this.#plan;
    // The origin that payments sign is this very text.
    const url = `http://127.0.0.1:${this.#portOf(GATEWAY)}`;
    const pricing = money && {
      ENGRAM_GATEWAY_PRICE_USD: price,
      ENGRAM_GATEWAY_PAY_TO: money.accounts.payTo,
      ENGRAM_PAYMENT_RPC_URL: this.#rpcUrl(),
      ENGRAM_PAYMENT_STATE: folderOf(this.#plan, ANVIL),
    };
    const environment = { ...node, ENGRAM_GATEWAY_URL: url, ...pricing };
    await this.#startCommand({ name: GATEWAY, command: "gateway", environment });
    const { hotkey } = await openWallet(identityFolder(folderOf(this.#plan, GATEWAY)));
    return { url, hotkey };
  }

  #relayVariables({ url, hotkey }: LocalSubnet["gateway"], money: SubnetMoney | null) {
    const relaying = { XERIS_RELAY_URL: url, ENGRAM_GATEWAY_HOTKEY: hotkey };
    if (money === null) return relaying;
    return { ...relaying, ENGRAM_PAYMENT_RPC_URL: this.#rpcUrl(), ENGRAM_DAILY_BUDGET_USD: DAILY_BUDGET_USD };
  }

  #rpcUrl(): string {
    return `http://127.0.0.1:${this.#portOf(ANVIL)}`;
  }

  #portOf(name: string): number {
    const port = this.#ports[name];
    if (port === undefined) throw new TypeError(`${name} has no port`);
    return port;
  }

  async #startCommand(options: Omit<CommandServiceOptions, "plan" | "port">): Promise<RunningService> {
    const { name } = options;
    const isMeasured = measuredNames(this.#plan).includes(name);
    const operator = isMeasured ? { ENGRAM_ADMIN_PORT: String(this.#portOf(operatorName(name))) } : {};
    const environment = { ...options.environment, ...operator };
    return await this.#keep(
      new CommandService({ ...options, environment, plan: this.#plan, port: this.#portOf(name) }),
    );
  }

  async #keep(service: Service): Promise<RunningService> {
    const { clock, onEvent, signal } = this.#deps;
    const supervised = new Supervised({
      service,
      restart: this.#plan.restart,
      needs: this.#needsOf(service),
      clock,
      onEvent,
    });
    this.#processes.push(supervised);
    return await supervised.start(signal);
  }

  /** Every node asks the chain before it serves. */
  #needsOf({ name }: Service): readonly Supervised[] {
    if (name === CHAIN || name === ANVIL) return [];
    return this.#processes.filter((process) => process.name === CHAIN);
  }

  #inOrder(): readonly Supervised[] {
    return processNames(this.#plan).flatMap((name) => this.#processes.filter((process) => process.name === name));
  }

  /** Those who ask before those who answer them: so nobody's last word is lost. */
  async stop(): Promise<void> {
    for (const process of this.#processes) process.release();
    const plan = this.#plan;
    for (const names of [validatorNames(plan), [GATEWAY], minerNames(plan), [ANVIL], [CHAIN]]) {
      const stopping = this.#processes.filter(({ name }) => names.includes(name));
      await Promise.all(stopping.map((process) => process[Symbol.asyncDispose]()));
    }
  }
}
