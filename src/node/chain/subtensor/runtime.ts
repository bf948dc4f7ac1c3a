import type { ApiPromise } from "@polkadot/api";
import { EngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import { notOurs } from "./endpoint-pool.ts";

/** A storage item by pallet and name as metadata has them, in the form that code spells them. */
export type StorageItem = `${"subtensorModule" | "commitments" | "drand" | "system" | "timestamp"}.${string}`;

export interface RuntimeVersion {
  readonly specVersion: number;
  readonly transactionVersion: number;
}

/** What names a chain in its signatures. */
interface RuntimeFacts extends RuntimeVersion {
  readonly genesis: string;
}

/**
 * One version of the chain's runtime as its own metadata describes it: encodes what is asked of it and decodes what it
 * says. It talks to nobody. What the runtime does not have is `undefined`, so that callers can do without.
 */
export class Runtime {
  readonly facts: RuntimeFacts;
  readonly api: ApiPromise;

  private constructor(facts: RuntimeFacts, api: ApiPromise) {
    this.facts = facts;
    this.api = api;
  }

  /** Throws `CHAIN_RUNTIME_UNREADABLE` for metadata that cannot be read. */
  static async of(facts: RuntimeFacts, metadata: Uint8Array): Promise<Runtime> {
    const { ApiPromise } = await import("@polkadot/api");
    const key = `${facts.genesis}-${facts.specVersion}`;
    try {
      const api = await ApiPromise.create({
        provider: offlineProvider(facts),
        metadata: { [key]: `0x${toHex(metadata)}` },
        initWasm: false,
        noInitWarn: true,
        throwOnConnect: true,
      });
      return new Runtime(facts, api);
    } catch (cause) {
      throw new EngramError("CHAIN_RUNTIME_UNREADABLE", "the description of the chain's runtime cannot be read", {
        fix: "use a newer version of Engram",
        cause,
      });
    }
  }

  /** Whether the runtime has the call `pallet.name`. */
  hasCall(pallet: string, name: string): boolean {
    return this.api.tx[pallet]?.[name] !== undefined;
  }

  hasStorage(item: StorageItem): boolean {
    return this.#entry(item) !== undefined;
  }

  /** The key of a storage item, in hex. */
  storageKey(item: StorageItem, args: readonly unknown[]): string | undefined {
    return this.#entry(item)?.key(...args);
  }

  /** What a storage item holds, in JSON's form; its default, or null, where nothing is stored. */
  decodeStorage(item: StorageItem, stored: string | null): unknown {
    const entry = this.#entry(item);
    if (!entry) throw notOurs();
    const { type, modifier, fallback } = entry.creator.meta;
    if (stored === null && modifier.isOptional) return null;
    const bytes = stored === null ? fallback.toU8a(true) : bytesOf(stored);
    return this.#decode(type.isPlain ? type.asPlain : type.asMap.value, bytes);
  }

  /** The arguments of a runtime API's method, in hex; `undefined` where the runtime has no such method. */
  encodeApiCall(api: string, method: string, args: readonly unknown[]): string | undefined {
    const found = this.#apiMethod(api, method);
    if (!found) return undefined;
    const parts = found.inputs.map(({ type }, index) => this.#create(type, args[index]).toU8a());
    return `0x${toHex(Buffer.concat(parts))}`;
  }

  /** The answer of a runtime API's method, in JSON's form. */
  decodeApiResult(api: string, method: string, answer: string): unknown {
    const found = this.#apiMethod(api, method);
    if (!found) throw notOurs();
    return this.#decode(found.output, bytesOf(answer));
  }

  #entry(item: StorageItem) {
    const [pallet = "", name = ""] = item.split(".");
    return this.api.query[pallet]?.[name];
  }

  #apiMethod(api: string, method: string) {
    const { apis } = this.api.runtimeMetadata.asLatest;
    return apis.find(({ name }) => name.eq(api))?.methods.find(({ name }) => name.eq(method));
  }

  #create(type: Lookup, value: unknown) {
    const { registry } = this.api;
    return registry.createTypeUnsafe(registry.createLookupType(type), [value]);
  }

  /** Refuses what the type does not account for wholly: another version's answer must not be read as this one's. */
  #decode(type: Lookup, bytes: Uint8Array): unknown {
    try {
      const value = this.#create(type, bytes);
      if (value.encodedLength === bytes.length) return value.toJSON();
    } catch {
      // Says the same as a wrong length: this is not what the runtime's own description promises.
    }
    throw notOurs();
  }
}

type Lookup = Parameters<ApiPromise["registry"]["createLookupType"]>[0];

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (!bytes) throw notOurs();
  return bytes;
}

type Provider = NonNullable<NonNullable<ConstructorParameters<typeof ApiPromise>[0]>["provider"]>;

/** Answers what the codec asks while it is made, so that it never asks the network. */
function offlineProvider({ genesis, specVersion, transactionVersion }: RuntimeFacts): Provider {
  const version = { specVersion, transactionVersion, specName: "node-subtensor", implName: "node-subtensor" };
  const answers: Readonly<Record<string, unknown>> = {
    chain_getBlockHash: genesis,
    state_getRuntimeVersion: { ...version, authoringVersion: 1, implVersion: 1, apis: [], stateVersion: 1 },
    system_chain: "Bittensor",
    system_properties: { ss58Format: 42, tokenDecimals: 9, tokenSymbol: "TAO" },
    rpc_methods: { methods: [] },
  };
  const never = async () => {
    throw new Error("the codec has no network");
  };
  const provider: Provider = {
    hasSubscriptions: false,
    isClonable: false,
    isConnected: true,
    clone: () => provider,
    connect: async () => undefined,
    disconnect: async () => undefined,
    on: () => () => undefined,
    send: async <T>(method: string): Promise<T> => {
      if (!(method in answers)) return await never();
      return answers[method] as T;
    },
    subscribe: never,
    unsubscribe: never,
  };
  return provider;
}
