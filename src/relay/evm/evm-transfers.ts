import { parseEventLogs, TransactionReceiptNotFoundError } from "viem";
import type { TransferLookup } from "../intelligence/check-payment.ts";
import { evmClient, reached } from "./evm-client.ts";
import { tokenAbi } from "./token-abi.ts";

/** Looks transfers up on the EVM chain behind `url`. */
export function evmTransfers(url: string): TransferLookup {
  const { client, network } = evmClient(url);

  async function receiptOf(hash: `0x${string}`) {
    try {
      return await client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return null;
      throw error;
    }
  }

  return {
    network: () => reached(network),
    transfers: ({ transaction, asset, payer }) =>
      reached(async () => {
        const receipt = await receiptOf(transaction);
        if (receipt?.status !== "success") return null;
        const logs = receipt.logs.filter(({ address }) => address.toLowerCase() === asset.toLowerCase());
        const events = parseEventLogs({ abi: tokenAbi, logs });
        return events.flatMap((event) => {
          if (event.eventName !== "Transfer" || event.args.from.toLowerCase() !== payer.toLowerCase()) return [];
          // The token emits the two together: a transfer without an authorization before it is no payment of x402.
          const isAuthorized = events.some(
            (other) =>
              other.eventName === "AuthorizationUsed" &&
              other.logIndex === event.logIndex - 1 &&
              other.args.authorizer.toLowerCase() === payer.toLowerCase(),
          );
          return isAuthorized ? [{ to: event.args.to, value: event.args.value }] : [];
        });
      }),
  };
}
