import { LRUCache } from "lru-cache";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import type { BlockRef } from "../../ports.ts";
import { type EndpointPool, isForgotten, notOurs } from "./endpoint-pool.ts";
import { agreedFinality, agreedHash, endpointsDisagree } from "./finality.ts";
import { RpcRefusal } from "./json-rpc-socket.ts";
import type { Runtime, StorageItem } from "./runtime.ts";
import type { RuntimeSource } from "./runtime-source.ts";

/** Most storage keys of one question. */
const KEYS_PER_READ = 512;
const METHOD_UNKNOWN = -32_601;

const hexText = z.string().regex(/^0x(?:[0-9a-f]{2})*$/);
const blockHash = z.string().regex(/^0x[0-9a-f]{64}$/);
const header = z.object({ number: z.string().regex(/^0x[0-9a-f]{1,12}$/) });
const changes = z.array(z.object({ changes: z.array(z.tuple([hexText, hexText.nullable()])) }));

/** A storage item and the arguments of its map, if it is one. */
export type StorageQuery = readonly [item: StorageItem, ...args: unknown[]];

/** The state of one block. */
export interface StateAt {
  readonly block: BlockRef;
  readonly runtime: Runtime;
}

/**
 * Reads blocks and their state. Errors: those of `EndpointPool`, `CHAIN_BLOCK_UNKNOWN`, `CHAIN_HISTORY_GONE`,
 * `CHAIN_ENDPOINTS_DISAGREE`, `CHAIN_REPLY_INVALID`.
 */
export class ChainReader {
  readonly #pool: EndpointPool;
  readonly #runtimes: RuntimeSource;
  readonly #numbers = new LRUCache<string, number>({ max: 1_024 });
  #finalized: Promise<BlockRef> | undefined;
  #lastFinalized: BlockRef | undefined;

  constructor(pool: EndpointPool, runtimes: RuntimeSource) {
    this.#pool = pool;
    this.#runtimes = runtimes;
  }

  async head(signal?: AbortSignal): Promise<BlockRef> {
    return await this.#ref(await this.#pool.request("chain_getBlockHash", [], signal));
  }

  /**
   * What the endpoints agree on, and never less than they agreed on before. Who asks while another's question is under
   * way gets the same answer.
   */
  async finalized(): Promise<BlockRef> {
    this.#finalized ??= this.#readFinalized().finally(() => {
      this.#finalized = undefined;
    });
    return await this.#finalized;
  }

  async #readFinalized(): Promise<BlockRef> {
    const block = await agreedFinality(this.#pool, (hash) => this.#numbers.get(hash));
    this.#numbers.set(block.hash, block.number);
    const last = this.#lastFinalized;
    // Also when the endpoint that answers now is alone and another one than before.
    if (last && block.number >= last.number && block.hash !== last.hash) {
      const stands = block.number === last.number ? block.hash : await this.blockHash(last.number);
      if (stands !== null && stands !== last.hash) throw endpointsDisagree();
    }
    if (last && block.number <= last.number) return last;
    this.#lastFinalized = block;
    return block;
  }

  async blockHash(number: number): Promise<string | null> {
    // The node reads numbers of 32 bits, and takes none at all as the head.
    if (!Number.isInteger(number) || number < 0 || number > 0xff_ff_ff_ff) return null;
    const isFinal = number <= (this.#lastFinalized?.number ?? -1);
    if (isFinal && this.#pool.size > 1) return await agreedHash(this.#pool, number);
    const hash = blockHash.nullable().safeParse(await this.#pool.request("chain_getBlockHash", [number]));
    if (!hash.success) throw notOurs();
    return hash.data;
  }

  /** The number of the block of that hash. */
  async numberOf(hash: string, signal?: AbortSignal): Promise<number> {
    const known = this.#numbers.get(hash);
    if (known !== undefined) return known;
    const found = header.safeParse(await this.#pool.request("chain_getHeader", [hash], signal));
    if (!found.success) throw notOurs();
    const number = Number(found.data.number);
    this.#numbers.set(hash, number);
    return number;
  }

  /** The state of that block; of the finalized one when none is named. */
  async stateAt(atBlock?: number): Promise<StateAt> {
    const block = atBlock === undefined ? await this.finalized() : await this.#known(atBlock);
    return await this.state(block);
  }

  async stateAtHead(): Promise<StateAt> {
    return await this.state(await this.head());
  }

  async state(block: BlockRef): Promise<StateAt> {
    return { block, runtime: await keeping(() => this.#runtimes.at(block.hash)) };
  }

  /**
   * What storage items hold in a block, in JSON's form and in the order asked for; `undefined` for items that the
   * runtime does not have. One question for up to 512 of them.
   */
  async read({ block, runtime }: StateAt, queries: readonly StorageQuery[]): Promise<readonly unknown[]> {
    const keys = queries.map(([item, ...args]) => runtime.storageKey(item, args));
    const stored = await keeping(() => this.#stored([...new Set(keys.filter((key) => key !== undefined))], block.hash));
    return queries.map(([item], index) => {
      const key = keys[index];
      return key === undefined ? undefined : runtime.decodeStorage(item, stored.get(key) ?? null);
    });
  }

  /** What a runtime API's method says in a block; `undefined` where the runtime does not have it. */
  async callApi(
    { block, runtime }: StateAt,
    [api, method, ...args]: readonly [api: string, method: string, ...args: unknown[]],
  ): Promise<unknown> {
    const encoded = runtime.encodeApiCall(api, method, args);
    if (encoded === undefined) return undefined;
    const answer = await keeping(() => this.#pool.request("state_call", [`${api}_${method}`, encoded, block.hash]));
    const hex = hexText.safeParse(answer);
    if (!hex.success) throw notOurs();
    return runtime.decodeApiResult(api, method, hex.data);
  }

  async #ref(hash: unknown): Promise<BlockRef> {
    const parsed = blockHash.safeParse(hash);
    if (!parsed.success) throw notOurs();
    return { number: await this.numberOf(parsed.data), hash: parsed.data };
  }

  async #known(number: number): Promise<BlockRef> {
    const hash = await this.blockHash(number);
    if (hash !== null) return { number, hash };
    throw new EngramError("CHAIN_BLOCK_UNKNOWN", "the chain has no block of that number yet", {
      fix: "wait for it, or name an older block",
    });
  }

  async #stored(keys: readonly string[], hash: string): Promise<ReadonlyMap<string, string | null>> {
    const found = new Map<string, string | null>();
    for (let start = 0; start < keys.length; start += KEYS_PER_READ) {
      const some = keys.slice(start, start + KEYS_PER_READ);
      for (const [key, value] of await this.#storedSome(some, hash)) found.set(key, value);
    }
    return found;
  }

  async #storedSome(keys: readonly string[], hash: string): Promise<readonly (readonly [string, string | null])[]> {
    try {
      const parsed = changes.safeParse(await this.#pool.request("state_queryStorageAt", [keys, hash]));
      if (!parsed.success) throw notOurs();
      return parsed.data.flatMap((set) => set.changes);
    } catch (error) {
      if (!(error instanceof RpcRefusal) || error.rpcCode !== METHOD_UNKNOWN) throw error;
    }
    const one = async (key: string) => {
      const parsed = hexText.nullable().safeParse(await this.#pool.request("state_getStorage", [key, hash]));
      if (!parsed.success) throw notOurs();
      return [key, parsed.data] as const;
    };
    return await Promise.all(keys.map(one));
  }
}

/** Says plainly that a node refused because it does not keep that block's state any more. */
async function keeping<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isForgotten(error)) throw error;
    throw new EngramError("CHAIN_HISTORY_GONE", "the chain's endpoints no longer keep the state of that block", {
      fix: "name a newer block, or an archive node in ENGRAM_CHAIN",
    });
  }
}
