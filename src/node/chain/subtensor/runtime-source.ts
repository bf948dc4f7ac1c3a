import { LRUCache } from "lru-cache";
import { z } from "zod";
import { fromHex } from "../../../crypto/hex.ts";
import { type EndpointPool, isForgotten, notOurs } from "./endpoint-pool.ts";
import { RpcRefusal } from "./json-rpc-socket.ts";
import { Runtime, type RuntimeVersion } from "./runtime.ts";

/** Metadata forms that can be read, the best first. */
const METADATA_VERSIONS = [16, 15, 14] as const;
/** What every form begins with. */
const MAGIC = "6d657461";

const version = z.object({ specVersion: z.number().int(), transactionVersion: z.number().int() });

/** The chain's runtime as of any block: blocks before an upgrade are read as they were written. */
export class RuntimeSource {
  readonly #pool: EndpointPool;
  /** By specVersion. A codec takes some 30 MB: two serve while an upgrade passes. */
  readonly #runtimes = new LRUCache<number, Promise<Runtime>>({ max: 2 });
  readonly #versions = new LRUCache<string, RuntimeVersion>({ max: 256 });

  constructor(pool: EndpointPool) {
    this.#pool = pool;
  }

  /** The runtime in the state of the block of that hash. */
  async at(hash: string): Promise<Runtime> {
    const found = await this.#versionAt(hash);
    const known = this.#runtimes.get(found.specVersion);
    if (known) return await known;
    const loading = this.#load(found, hash);
    this.#runtimes.set(found.specVersion, loading);
    try {
      return await loading;
    } catch (error) {
      this.#runtimes.delete(found.specVersion);
      throw error;
    }
  }

  async #versionAt(hash: string): Promise<RuntimeVersion> {
    const known = this.#versions.get(hash);
    if (known) return known;
    const parsed = version.safeParse(await this.#pool.request("state_getRuntimeVersion", [hash]));
    if (!parsed.success) throw notOurs();
    this.#versions.set(hash, parsed.data);
    return parsed.data;
  }

  async #load(found: RuntimeVersion, hash: string): Promise<Runtime> {
    const genesis = await this.#pool.genesis();
    return await Runtime.of({ ...found, genesis }, await this.#metadataAt(hash));
  }

  async #metadataAt(hash: string): Promise<Uint8Array> {
    for (const version of METADATA_VERSIONS) {
      const wanted = `0x${version.toString(16).padStart(2, "0")}000000`;
      const bytes = await this.#tried("state_call", ["Metadata_metadata_at_version", wanted, hash]);
      if (bytes) return bytes;
    }
    const bytes = await this.#tried("state_getMetadata", [hash]);
    if (!bytes) throw notOurs();
    return bytes;
  }

  /** The metadata in an answer, whatever is wrapped around it; old runtimes refuse the question. */
  async #tried(method: string, params: readonly unknown[]): Promise<Uint8Array | undefined> {
    try {
      const answer = await this.#pool.request(method, params);
      const start = typeof answer === "string" ? answer.indexOf(MAGIC) : -1;
      return typeof answer === "string" && start >= 0 ? fromHex(answer.slice(start)) : undefined;
    } catch (error) {
      if (error instanceof RpcRefusal && !isForgotten(error)) return undefined;
      throw error;
    }
  }
}
