import { join } from "node:path";
import { LocalChain } from "../../../src/node/chain/local/local-chain.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { readGatewayConfig } from "../../../src/relay/gateway/gateway-config.ts";
import { PaymentGate } from "../../../src/relay/gateway/payment-gate.ts";
import { paymentTable } from "../../../src/relay/gateway/payment-table.ts";
import { type StartGatewayDeps, startGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { BASE_SEPOLIA_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { moneyAt } from "./money-over-http.ts";

/** A free gateway and one with a price in one process, to be killed. */
export interface GatewaysOptions {
  readonly chain: string;
  readonly folder: string;
  /** 0 the first time, then where they were. */
  readonly ports: readonly [free: number, priced: number];
  readonly money: string;
  readonly price: number;
  readonly payTo: Hex;
}

const options = JSON.parse(process.argv[2] ?? "") as GatewaysOptions;
const { folder, ports, price, payTo } = options;
const chain = new LocalChain({ path: options.chain });
const money = moneyAt(options.money);
const deps = { chain, clock: systemClock, logger: createLogger({ level: "silent" }) };

async function start(name: string, port: number, openGate?: StartGatewayDeps["openGate"]) {
  const environment = { ENGRAM_CHAIN: "local", ENGRAM_GATEWAY_PORT: `${port}` };
  const config = { ...readGatewayConfig(environment, join(folder, name)), rateLimit: { burst: 1e9, perSecond: 1e9 } };
  const { url, hotkey } = await startGateway(config, { ...deps, ...(openGate ? { openGate } : {}) });
  return { url, hotkey };
}

const [free, priced] = await Promise.all([
  start("free", ports[0]),
  start("priced", ports[1], async (origin, { store, clock, log }) => {
    const terms = { origin, token: BASE_SEPOLIA_USDC, payTo, price, v1: true };
    return new PaymentGate({ terms, table: paymentTable(store), facilitator: money, chain: money, log, clock });
  }),
]);
process.stdout.write(`${JSON.stringify({ free, priced })}\n`);
