import { evmClient } from "../relay/evm/evm-client.ts";
import { tokenAbi } from "../relay/evm/token-abi.ts";

type Address = `0x${string}`;

/** Balances as the payment chain itself tells them, in millionths of a dollar. */
export class DemoMoney {
  readonly #client: ReturnType<typeof evmClient>["client"];
  readonly #asset: Address;

  constructor(rpcUrl: string, asset: Address) {
    this.#client = evmClient(rpcUrl).client;
    this.#asset = asset;
  }

  async balance(owner: Address): Promise<number> {
    const call = { address: this.#asset, abi: tokenAbi, functionName: "balanceOf", args: [owner] } as const;
    return Number(await this.#client.readContract(call));
  }

  async total(owners: readonly Address[]): Promise<number> {
    const balances = await Promise.all(owners.map((owner) => this.balance(owner)));
    return balances.reduce((sum, balance) => sum + balance, 0);
  }
}
