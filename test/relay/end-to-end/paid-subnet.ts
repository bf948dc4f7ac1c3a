import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultLocalChainSettings } from "../../../src/node/chain/local/local-chain-settings.ts";
import { type ServedLocalChain, serveLocalChain } from "../../../src/node/chain/local/serve-local-chain.ts";
import { openChain } from "../../../src/node/chain/open-chain.ts";
import { openWallet } from "../../../src/node/chain/wallet.ts";
import { readMinerConfig } from "../../../src/node/miner/miner-config.ts";
import { type RunningMiner, startMiner } from "../../../src/node/miner/start-miner.ts";
import { type Clock, systemClock } from "../../../src/node/runtime/clock.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { validatorIdentityFolder } from "../../../src/node/validator/start-validator.ts";
import { readValidatorConfig } from "../../../src/node/validator/validator-config.ts";
import { proposerDelay } from "../../../src/relay/cosign/proposer-order.ts";
import { LocalEvm } from "../../../src/relay/evm/local-evm.ts";
import { readGatewayConfig } from "../../../src/relay/gateway/gateway-config.ts";
import { gasKeyPath } from "../../../src/relay/gateway/payment-settlement.ts";
import { type RunningGateway, startGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { payerKeyPath } from "../../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import {
  type RelayingValidator,
  startRelayingValidator,
} from "../../../src/relay/validator/start-relaying-validator.ts";
import { quiet } from "../../support/client-bench.ts";
import { TestEmbedder } from "../../support/test-embedder.ts";
import { newAddress } from "../payment/money.ts";

/** In millionths of a dollar, as the tokens count. */
export const PRICE = 1_000;
export const FUNDS = 1_000_000;
/** A block is finalized so many blocks before the guard's three, so that the guard's own wait shows. */
const FINALITY_LAG = 2;

/** The time, and as much on top as a test says. */
class ShiftedClock implements Clock {
  ahead = 0;

  now(): number {
    return Date.now() + this.ahead;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

/** A served stepped chain, a payment chain, a gateway with a price, miners, and validators that relay by hand. */
export class PaidSubnet implements AsyncDisposable {
  readonly folder: string;
  readonly clock = new ShiftedClock();
  readonly payTo: Hex;
  readonly served: ServedLocalChain;
  readonly evm: LocalEvm;
  readonly gateway: RunningGateway;
  readonly #stack: ReleaseStack;

  private constructor(
    folder: string,
    served: ServedLocalChain,
    evm: LocalEvm,
    gateway: RunningGateway,
    payTo: Hex,
    stack: ReleaseStack,
  ) {
    this.folder = folder;
    this.served = served;
    this.evm = evm;
    this.gateway = gateway;
    this.payTo = payTo;
    this.#stack = stack;
  }

  /** `origin` is where others reach the gateway, where that is not its listener. */
  static async open({ origin }: { readonly origin?: string } = {}): Promise<PaidSubnet> {
    await using stack = new ReleaseStack();
    const folder = await mkdtemp(join(tmpdir(), "engram-paid-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const settings = { ...defaultLocalChainSettings, blocks: "stepped", finalityLag: FINALITY_LAG } as const;
    const listening = { hostname: "127.0.0.1", port: 0, clock: systemClock, logger: quiet };
    const [served, evm] = await Promise.all([
      serveLocalChain({ folder: join(folder, "chain"), settings, ...listening }),
      LocalEvm.start(),
    ]);
    stack.use(evm);
    stack.use(served);
    const gatewayFolder = join(folder, "gateway");
    await evm.fundGas((await openPaymentKey(gasKeyPath(gatewayFolder))).address);
    const payTo = newAddress();
    const variables = {
      ENGRAM_CHAIN: served.setting,
      ENGRAM_GATEWAY_PORT: "0",
      ENGRAM_GATEWAY_PRICE_USD: `${PRICE / 1e6}`,
      ENGRAM_GATEWAY_PAY_TO: payTo,
      ENGRAM_PAYMENT_RPC_URL: evm.url,
      ...(origin === undefined ? {} : { ENGRAM_GATEWAY_URL: origin }),
    };
    const chain = openChain(served.setting, folder);
    stack.use(chain);
    const config = readGatewayConfig(variables, gatewayFolder);
    const gateway = stack.use(await startGateway(config, { chain, clock: systemClock, logger: quiet }));
    return new PaidSubnet(folder, served, evm, gateway, payTo, stack.move());
  }

  async miner(name: string): Promise<RunningMiner> {
    const folder = join(this.folder, name);
    const variables = { ENGRAM_CHAIN: this.served.setting, RATE_LIMIT_MAX_REQUESTS: "1000000" };
    const config = readMinerConfig(variables, { host: "127.0.0.1", port: 0 });
    const deps = { embedder: new TestEmbedder(), chain: this.served.chain, clock: systemClock, logger: quiet };
    return this.#stack.use(await startMiner(folder, config, deps));
  }

  /** What a validator's process is told. */
  environment(more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
    return {
      ENGRAM_CHAIN: this.served.setting,
      EMBEDDING_DIM: "32",
      CONSENSUS_MIN_VALIDATORS: "1",
      XERIS_RELAY_URL: `${this.gateway.origin}/relay`,
      ENGRAM_GATEWAY_HOTKEY: this.gateway.hotkey,
      ENGRAM_DAILY_BUDGET_USD: "1",
      ENGRAM_PAYMENT_RPC_URL: this.evm.url,
      ...more,
    };
  }

  /** Gives the validator of a folder its stake, and its payer a dollar. */
  async fund(name: string): Promise<void> {
    const folder = join(this.folder, name);
    const { hotkey } = await openWallet(validatorIdentityFolder(folder));
    await this.served.chain.register(hotkey, hotkey);
    await this.served.chain.stake(hotkey, 1_000);
    await this.evm.fund((await openPaymentKey(payerKeyPath(folder))).address, FUNDS);
  }

  async validator(name: string, more: Readonly<Record<string, string>> = {}): Promise<RelayingValidator> {
    await this.fund(name);
    const folder = join(this.folder, name);
    const signer = await openWallet(validatorIdentityFolder(folder));
    const environment = this.environment(more);
    const chain = this.#stack.use(openChain(this.served.setting, folder, () => signer));
    const config = readValidatorConfig(environment, { host: "127.0.0.1", port: 0 });
    const deps = { chain, clock: this.clock, logger: quiet, environment, relayByHand: true };
    return this.#stack.use(await startRelayingValidator(folder, config, deps));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}

/** The validators in the order in which they may propose the round at hand (spec 14.2). */
export async function proposers(
  { served }: PaidSubnet,
  one: RelayingValidator,
  two: RelayingValidator,
): Promise<readonly [RelayingValidator, RelayingValidator]> {
  const [submission] = await one.relay.list();
  const metagraph = await served.chain.metagraph(submission?.block);
  const delay = proposerDelay(metagraph, 450, submission?.roundId ?? -1, one.hotkey);
  return delay === 0 ? [one, two] : [two, one];
}

/** Every validator's round, brought on until all are done and the chain shows their weights. */
export async function runAll({ served }: PaidSubnet, validators: readonly RelayingValidator[]): Promise<void> {
  await untilDone(validators);
  await served.chain.step(FINALITY_LAG);
  await untilDone(validators);
}

async function untilDone(validators: readonly RelayingValidator[]): Promise<void> {
  for (let open = true; open; ) {
    const outcomes = await Promise.all(validators.map((validator) => validator.runRound()));
    open = outcomes.some((outcome) => outcome !== "done");
  }
}
