import { createPublicClient, http } from "viem";
import { EngramError } from "../../crypto/errors.ts";
import type { AuthorizationKey, AuthorizationState, Hex, PaymentChain } from "../payment/payment-types.ts";
import { tokenAbi } from "./token-abi.ts";

const CALL_MS = 5_000;
/** Public nodes answer no wider ranges. */
const RANGE = 9_999n;
/** About a day of Base's blocks: an authorization is spent within minutes of its signing, or not at all. */
const LOOK_BACK = 50_000n;

/** The EVM chain behind `url`, as buyers and sellers ask it. Errors: `PAYMENT_CHAIN_UNREACHABLE`. */
export function evmPaymentChain(url: string): PaymentChain {
  const client = createPublicClient({ transport: http(url, { timeout: CALL_MS, retryCount: 2, retryDelay: 100 }) });

  async function transferIn(key: AuthorizationKey, fromBlock: bigint, toBlock: bigint) {
    const used = await client.getContractEvents({
      address: key.asset,
      abi: tokenAbi,
      eventName: "AuthorizationUsed",
      args: { authorizer: key.from, nonce: key.nonce },
      fromBlock,
      toBlock,
    });
    const [spent] = used;
    if (!spent) return undefined;
    const transfers = await client.getContractEvents({
      address: key.asset,
      abi: tokenAbi,
      eventName: "Transfer",
      args: { from: key.from },
      blockHash: spent.blockHash,
    });
    // The token emits the two together; a later transfer of the same transaction belongs to another authorization.
    const transfer = transfers.find(
      (found) => found.transactionHash === spent.transactionHash && found.logIndex === spent.logIndex + 1,
    );
    return { to: transfer?.args.to, value: transfer?.args.value, transaction: spent.transactionHash };
  }

  return {
    authorization: (key): Promise<AuthorizationState> =>
      reached(async () => {
        const args = [key.from, key.nonce] as const;
        const [used, next] = await Promise.all([
          client.readContract({ address: key.asset, abi: tokenAbi, functionName: "authorizationState", args }),
          client.getBlock({ blockTag: "pending" }),
        ]);
        return { used, chainTime: Number(next.timestamp) };
      }),
    findTransfer: (key, { payTo, atLeast }): Promise<Hex | undefined> =>
      reached(async () => {
        const head = await client.getBlockNumber({ cacheTime: 0 });
        const first = head > LOOK_BACK ? head - LOOK_BACK : 0n;
        for (let toBlock = head; toBlock >= first; toBlock -= RANGE + 1n) {
          const fromBlock = toBlock - RANGE > first ? toBlock - RANGE : first;
          const found = await transferIn(key, fromBlock, toBlock);
          if (!found) continue;
          const isOurs = found.to?.toLowerCase() === payTo.toLowerCase() && (found.value ?? 0n) >= BigInt(atLeast);
          return isOurs ? found.transaction : undefined;
        }
        return undefined;
      }),
  };
}

async function reached<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new EngramError("PAYMENT_CHAIN_UNREACHABLE", "the payment chain does not answer", {
      fix: "check its RPC address; nothing is lost, it is asked again",
      retryAfterMs: 5_000,
      cause,
    });
  }
}
