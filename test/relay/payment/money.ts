import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { evmPaymentChain } from "../../../src/relay/evm/evm-payment-chain.ts";
import { LocalEvm } from "../../../src/relay/evm/local-evm.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import { localFacilitator } from "../../../src/relay/gateway/payment-local-facilitator.ts";
import { PaymentBuyer } from "../../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import type { PaymentSettings } from "../../../src/relay/payment/payment-settings.ts";
import { BASE_SEPOLIA_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex, PaymentChain } from "../../../src/relay/payment/payment-types.ts";

export const SETTINGS: PaymentSettings = { dailyBudget: 1_000_000, maxPayment: 50_000, tokens: [BASE_SEPOLIA_USDC] };

/** A chain, a facilitator with gas, and folders: what every test with money needs. */
export interface Money extends AsyncDisposable {
  readonly evm: LocalEvm;
  readonly chain: PaymentChain;
  readonly facilitator: PaymentFacilitator;
  readonly folder: () => Promise<string>;
  /** A payer with a dollar, unless told otherwise. */
  readonly buyer: (options?: {
    readonly home?: string;
    readonly funds?: number;
    readonly settings?: PaymentSettings;
  }) => Promise<PaymentBuyer>;
}

export function newAddress(): Hex {
  return privateKeyToAccount(generatePrivateKey()).address;
}

export async function openMoney(): Promise<Money> {
  await using starting = new ReleaseStack();
  const root = await mkdtemp(join(tmpdir(), "engram-pay-"));
  starting.defer(() => rm(root, { recursive: true, force: true }));
  const evm = starting.use(await LocalEvm.start());
  const gasKey = await openPaymentKey(join(root, "gas-key"));
  await evm.fundGas(gasKey.address);
  const chain = evmPaymentChain(evm.url);
  const folder = () => mkdtemp(join(root, "home-"));
  const started = starting.move();
  return {
    evm,
    chain,
    facilitator: localFacilitator({ url: evm.url, network: evm.token.network, gasKey }),
    folder,
    buyer: async ({ home, funds = 1_000_000, settings = SETTINGS } = {}) => {
      const buyer = await PaymentBuyer.open({ home: home ?? (await folder()), settings, chain });
      if (funds > 0) await evm.fund(buyer.address, funds);
      return buyer;
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
