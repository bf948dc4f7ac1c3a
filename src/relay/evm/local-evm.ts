import { join } from "node:path";
import {
  type Address,
  concat,
  createTestClient,
  encodeAbiParameters,
  getAddress,
  type Hex,
  http,
  keccak256,
  pad,
  publicActions,
  stringToHex,
  toHex,
} from "viem";
import { EngramError } from "../../crypto/errors.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import { chainIdOf } from "../payment/payment-nonce.ts";
import { BASE_SEPOLIA_USDC } from "../payment/payment-tokens.ts";
import { type AnvilProcess, startAnvil } from "./anvil-process.ts";
import artifact from "./contracts/TestDollar.json" with { type: "json" };
import { EvmState } from "./evm-state.ts";
import { endStale, noteRunning } from "./running-anvil.ts";
import { tokenAbi } from "./token-abi.ts";

/** The storage of TestDollar.sol, in the order of its variables. */
const SLOT = { name: 0, version: 1, totalSupply: 2, balanceOf: 3 } as const;
const CALL_MS = 5_000;
/** 100 ether: gas for more settlements than a local chain will ever see. */
const GAS_FUNDS = 100n * 10n ** 18n;

export interface LocalEvmOptions {
  /** Where the chain's state is kept; without one it is forgotten when the chain stops. */
  readonly folder?: string;
  /** 0 (the default) takes a free one. */
  readonly port?: number;
}

/**
 * A local EVM chain that looks like Base Sepolia to every payment client: its chain id, and a dollar of ours at USDC's
 * address with USDC's signing domain. Real signatures, real settlement, real balances; no money and no network.
 *
 * Errors: `PAYMENTS_UNAVAILABLE` where anvil cannot run; `EVM_STATE` when the saved state cannot be loaded.
 */
export class LocalEvm implements AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly token = BASE_SEPOLIA_USDC;
  readonly #anvil: AnvilProcess;
  readonly #state: EvmState | undefined;
  readonly #client: ReturnType<typeof clientOf>;

  private constructor(anvil: AnvilProcess, folder: string | undefined) {
    this.url = anvil.url;
    this.pid = anvil.pid;
    this.#anvil = anvil;
    this.#client = clientOf(anvil.url);
    this.#state = folder === undefined ? undefined : new EvmState({ url: anvil.url, folder: stateFolder(folder) });
  }

  static async start({ folder, port = 0 }: LocalEvmOptions = {}): Promise<LocalEvm> {
    if (folder !== undefined) await endStale(folder);
    await using starting = new ReleaseStack();
    const anvil = starting.use(await startAnvil({ chainId: chainIdOf(BASE_SEPOLIA_USDC.network), port }));
    if (folder !== undefined) await noteRunning(folder, anvil);
    const evm = new LocalEvm(anvil, folder);
    await evm.#prepare();
    starting.move();
    return evm;
  }

  async #prepare(): Promise<void> {
    try {
      await this.#state?.restore();
    } catch (cause) {
      throw new EngramError("EVM_STATE", "the local payment chain's saved state cannot be loaded", {
        fix: "move the evm folder away; the local chain then begins anew with play money",
        cause,
      });
    }
    const { asset, domain } = this.token;
    await this.#client.setCode({ address: asset, bytecode: artifact.deployedBytecode as Hex });
    await this.#store(toHex(SLOT.name, { size: 32 }), shortString(domain.name));
    await this.#store(toHex(SLOT.version, { size: 32 }), shortString(domain.version));
    await this.#seal();
  }

  /** Adds `amount` of the token, in its smallest unit, to what `owner` has. */
  async fund(owner: Address, amount: number): Promise<void> {
    const balance = await this.balance(owner);
    const supply = await this.#client.readContract({
      address: this.token.asset,
      abi: tokenAbi,
      functionName: "totalSupply",
    });
    const slot = keccak256(
      encodeAbiParameters([{ type: "address" }, { type: "uint256" }], [getAddress(owner), BigInt(SLOT.balanceOf)]),
    );
    await this.#store(slot, toHex(BigInt(balance + amount), { size: 32 }));
    await this.#store(toHex(SLOT.totalSupply, { size: 32 }), toHex(supply + BigInt(amount), { size: 32 }));
    await this.#seal();
  }

  /** Gives `owner` the gas that settling costs. Payers need none. */
  async fundGas(owner: Address): Promise<void> {
    await this.#client.setBalance({ address: owner, value: GAS_FUNDS });
    await this.#seal();
  }

  /** In the token's smallest unit. */
  async balance(owner: Address): Promise<number> {
    const { asset } = this.token;
    return Number(
      await this.#client.readContract({ address: asset, abi: tokenAbi, functionName: "balanceOf", args: [owner] }),
    );
  }

  /** Resolves when what the chain did so far survives its end. */
  async save(): Promise<void> {
    await this.#state?.save();
  }

  /** Resolves when anvil has ended, also when it was killed: what runs it starts another. */
  get ended(): Promise<void> {
    return this.#anvil.ended;
  }

  async #store(index: Hex, value: Hex): Promise<void> {
    await this.#client.setStorageAt({ address: this.token.asset, index, value });
  }

  /** Changes made from outside belong to no block; the next block holds them, and its number names the saved state. */
  async #seal(): Promise<void> {
    await this.#client.mine({ blocks: 1 });
    await this.save();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Best effort: whatever was acknowledged is saved already.
    await this.#state?.save().catch(() => undefined);
    await this.#anvil[Symbol.asyncDispose]();
  }
}

/** Where the state of a chain in `folder` is; another process that settles on it saves it there, too. */
export function stateFolder(folder: string): string {
  return join(folder, "state");
}

function clientOf(url: string) {
  const transport = http(url, { timeout: CALL_MS, retryCount: 2, retryDelay: 50 });
  return createTestClient({ mode: "anvil", transport }).extend(publicActions);
}

/** How Solidity stores a string of up to 31 bytes: the text on the left, twice its length in the last byte. */
function shortString(text: string): Hex {
  const bytes = Buffer.byteLength(text);
  return concat([pad(stringToHex(text), { dir: "right", size: 31 }), toHex(bytes * 2, { size: 1 })]);
}
