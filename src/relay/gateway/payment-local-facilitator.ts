import { x402Facilitator } from "@x402/core/facilitator";
import type { PaymentPayload, PaymentRequirements } from "@x402/core/types";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/facilitator";
import PQueue from "p-queue";
import { createWalletClient, defineChain, http, publicActions, verifyTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { PaymentKey } from "../payment/payment-key.ts";
import { chainIdOf } from "../payment/payment-nonce.ts";
import type { PaymentNetwork } from "../payment/payment-types.ts";
import type { PaymentFacilitator } from "./payment-facilitator.ts";

const CALL_MS = 5_000;
const CONFIRM_MS = 15_000;
/** Blocks of the local chain come at once; viem's default would wait seconds for each. */
const POLL_MS = 20;

export interface LocalFacilitatorOptions {
  readonly url: string;
  readonly network: PaymentNetwork;
  /** Pays the gas; a key of its own. */
  readonly gasKey: PaymentKey;
  /** Makes what was settled durable before it counts: the local chain lives in memory. */
  readonly afterSettle?: () => Promise<void>;
}

/** A facilitator in this process, which settles both versions of x402 with its own gas. */
export function localFacilitator(options: LocalFacilitatorOptions): PaymentFacilitator {
  const account = privateKeyToAccount(options.gasKey.secret.reveal());
  // Sent one after the other, each with the number the chain expects next: numbers counted here would leave a gap, and
  // everything behind it waiting, when a send fails or the chain is restarted from its saved state.
  const sending = new PQueue({ concurrency: 1 });
  const chain = defineChain({
    id: chainIdOf(options.network),
    name: options.network,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [options.url] } },
  });
  const transport = http(options.url, { timeout: CALL_MS, retryCount: 1, retryDelay: 50 });
  const wallet = createWalletClient({ account, chain, transport, pollingInterval: POLL_MS }).extend(publicActions);
  const signer = toFacilitatorEvmSigner(
    {
      address: account.address,
      readContract: (args) => wallet.readContract(args),
      // Of plain keys alone, as the gate has it.
      verifyTypedData: (args) => verifyTypedData(args),
      writeContract: (args) => sending.add(() => wallet.writeContract({ ...args, account, chain })),
      sendTransaction: (args) => sending.add(() => wallet.sendTransaction({ ...args, account, chain })),
      waitForTransactionReceipt: (args) => wallet.waitForTransactionReceipt(args),
      getCode: (args) => wallet.getCode(args),
    },
    { confirmationTimeoutMs: CONFIRM_MS },
  );
  const facilitator = registerExactEvmScheme(new x402Facilitator(), { signer, networks: options.network });
  return {
    settle: async (payload, requirements) => {
      // It serves version 1 as well; its types name the second alone.
      const settled = await facilitator.settle(payload as PaymentPayload, requirements as PaymentRequirements);
      if (settled.success) await options.afterSettle?.();
      return settled;
    },
    getSupported: async () => {
      const { kinds } = facilitator.getSupported();
      return { kinds: kinds as Awaited<ReturnType<PaymentFacilitator["getSupported"]>>["kinds"] };
    },
  };
}
