import type {
  AuthorizationKey,
  AuthorizationOutcome,
  AuthorizationState,
  Hex,
  PaymentChain,
} from "../payment/payment-types.ts";
import { evmClient, reached } from "./evm-client.ts";
import { tokenAbi } from "./token-abi.ts";

/** Public nodes answer no wider ranges. */
const RANGE = 9_999n;
/** About a day of Base's blocks: an authorization is spent within minutes of its signing, or not at all. */
const LOOK_BACK = 50_000n;

/**
 * The EVM chain behind `url`, as buyers and sellers ask it. Errors: `PAYMENT_CHAIN_UNREACHABLE`; `PAYMENT_CHAIN_WRONG`
 * when another chain answers, which would take every authorization for unspent.
 */
export function evmPaymentChain(url: string): PaymentChain {
  const { client, requireChain } = evmClient(url);

  async function usedIn(key: AuthorizationKey, fromBlock: bigint, toBlock: bigint) {
    const { asset: address, from: authorizer, nonce } = key;
    const range = { address, abi: tokenAbi, args: { authorizer, nonce }, fromBlock, toBlock } as const;
    const [[spent], [cancelled]] = await Promise.all([
      client.getContractEvents({ ...range, eventName: "AuthorizationUsed" }),
      client.getContractEvents({ ...range, eventName: "AuthorizationCanceled" }),
    ]);
    return spent ?? cancelled;
  }

  async function transferAfter(
    key: AuthorizationKey,
    event: { blockHash: Hex; transactionHash: Hex; logIndex: number },
  ) {
    const transfers = await client.getContractEvents({
      address: key.asset,
      abi: tokenAbi,
      eventName: "Transfer",
      args: { from: key.from },
      blockHash: event.blockHash,
    });
    // The token emits the two together; a later transfer of the same transaction belongs to another authorization.
    return transfers.find(
      (found) => found.transactionHash === event.transactionHash && found.logIndex === event.logIndex + 1,
    );
  }

  return {
    authorization: (key): Promise<AuthorizationState> =>
      reached(async () => {
        await requireChain(key.network);
        const args = [key.from, key.nonce] as const;
        const [used, next] = await Promise.all([
          client.readContract({ address: key.asset, abi: tokenAbi, functionName: "authorizationState", args }),
          client.getBlock({ blockTag: "pending" }),
        ]);
        return { used, chainTime: Number(next.timestamp) };
      }),
    outcome: (key, { payTo, atLeast }): Promise<AuthorizationOutcome> =>
      reached(async () => {
        await requireChain(key.network);
        const head = await client.getBlockNumber({ cacheTime: 0 });
        const first = head > LOOK_BACK ? head - LOOK_BACK : 0n;
        for (let toBlock = head; toBlock >= first; toBlock -= RANGE + 1n) {
          const fromBlock = toBlock - RANGE > first ? toBlock - RANGE : first;
          const event = await usedIn(key, fromBlock, toBlock);
          if (!event) continue;
          const transfer = event.eventName === "AuthorizationUsed" ? await transferAfter(key, event) : undefined;
          const { to, value = 0n } = transfer?.args ?? {};
          const isOurs = to?.toLowerCase() === payTo.toLowerCase() && value >= BigInt(atLeast);
          return isOurs ? { kind: "paid", transaction: event.transactionHash } : { kind: "lost" };
        }
        return { kind: "unseen" };
      }),
  };
}
