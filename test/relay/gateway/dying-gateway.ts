import { LocalChain } from "../../../src/node/chain/local/local-chain.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { evmPaymentChain } from "../../../src/relay/evm/evm-payment-chain.ts";
import { readGatewayConfig } from "../../../src/relay/gateway/gateway-config.ts";
import { PaymentGate } from "../../../src/relay/gateway/payment-gate.ts";
import { localFacilitator } from "../../../src/relay/gateway/payment-local-facilitator.ts";
import { paymentTable } from "../../../src/relay/gateway/payment-table.ts";
import { startGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import { BASE_SEPOLIA_USDC } from "../../../src/relay/payment/payment-tokens.ts";

/** A gateway that is killed in the moment when money has moved and nothing is stored. */
export interface DyingOptions {
  readonly chain: string;
  readonly folder: string;
  readonly rpcUrl: string;
  readonly gasKey: string;
  readonly payTo: `0x${string}`;
  readonly origin: string;
  readonly price: number;
}

const { chain, folder, rpcUrl, gasKey, payTo, origin, price } = JSON.parse(process.argv[2] ?? "") as DyingOptions;
const config = readGatewayConfig(
  { ENGRAM_CHAIN: "local", ENGRAM_GATEWAY_PORT: "0", ENGRAM_GATEWAY_URL: origin },
  folder,
);
const key = await openPaymentKey(gasKey);
const token = BASE_SEPOLIA_USDC;
const facilitator = localFacilitator({ url: rpcUrl, network: token.network, gasKey: key });
const gateway = await startGateway(config, {
  chain: new LocalChain({ path: chain }),
  clock: systemClock,
  logger: createLogger({ level: "silent" }),
  openGate: async (_, { store, clock, log }) =>
    new PaymentGate({
      terms: { origin, token, payTo, price, v1: true },
      table: paymentTable(store),
      facilitator: {
        ...facilitator,
        settle: async (payload, requirements) => {
          const settled = await facilitator.settle(payload, requirements);
          if (settled.success) process.kill(process.pid, "SIGKILL");
          return settled;
        },
      },
      chain: evmPaymentChain(rpcUrl),
      log,
      clock,
    }),
});
process.stdout.write(`${gateway.url}\n`);
