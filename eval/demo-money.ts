import { type Address, createPublicClient, getAddress, http, parseAbi } from "viem";

const token = parseAbi(["function balanceOf(address) view returns (uint256)"]);

/** Balances as the payment chain itself tells them, in millionths of a dollar. */
export class DemoMoney {
  readonly #client: ReturnType<typeof createPublicClient>;
  readonly #asset: Address;

  constructor(rpcUrl: string, asset: string) {
    this.#client = createPublicClient({ transport: http(rpcUrl) });
    this.#asset = getAddress(asset);
  }

  async balance(owner: string): Promise<number> {
    const call = { address: this.#asset, abi: token, functionName: "balanceOf", args: [getAddress(owner)] } as const;
    return Number(await this.#client.readContract(call));
  }

  async total(owners: readonly string[]): Promise<number> {
    const balances = await Promise.all(owners.map((owner) => this.balance(owner)));
    return balances.reduce((sum, balance) => sum + balance, 0);
  }
}

export function dollars(micro: number): string {
  return `$${(micro / 1_000_000).toFixed(6)}`;
}
