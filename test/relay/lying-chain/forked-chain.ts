import { hash } from "node:crypto";
import { EngramError } from "../../../src/crypto/errors.ts";
import type { EndpointCall, EndpointPool } from "../../../src/node/chain/subtensor/endpoint-pool.ts";
import type { Random } from "../byzantine/random.ts";

/** The chain as it is: blocks of which the newest may be replaced, up to the finalized one. */
export class ForkedChain {
  readonly hashes: string[] = [];
  finalized = 0;
  /** By hash, also of blocks that were replaced. */
  readonly numbers = new Map<string, number>();
  readonly #name: string;
  #made = 0;

  constructor(name: string) {
    this.#name = name;
    this.grow(1);
  }

  grow(blocks: number): void {
    for (let more = blocks; more > 0; more -= 1) {
      const made = `0x${hash("sha256", `${this.#name}:${this.#made++}`)}`;
      this.numbers.set(made, this.hashes.length);
      this.hashes.push(made);
    }
  }

  get head(): number {
    return this.hashes.length - 1;
  }

  reorganise(depth: number): void {
    const blocks = Math.min(depth, this.head - this.finalized);
    if (blocks <= 0) return;
    this.hashes.length -= blocks;
    this.grow(blocks);
  }

  /** Whether what was made from that block may leave or be taken. */
  isFinal(block: number, blockHash: string | null): boolean {
    return block <= this.finalized && this.hashes[block] === blockHash;
  }
}

/** How one endpoint of a pool misbehaves. */
export type Fault = "none" | "away" | "behind" | "stuck" | "overstates" | "forked" | "other hashes" | "garbage";
const FAULTS: readonly Fault[] = ["away", "behind", "stuck", "overstates", "forked", "other hashes", "garbage"];

const ENDPOINTS = ["ws://one", "ws://two", "ws://three"];

/** Endpoints of the chain behind the product's own reader: one of them lies, and another may be away. */
export class LyingPool {
  readonly size = ENDPOINTS.length;
  readonly #chain: ForkedChain;
  readonly #random: Random;
  readonly #faults: Fault[] = ["none", "none", "none"];
  /** What a fork or a stuck endpoint still believes. */
  #old: readonly string[] = [];
  #oldFinalized = 0;
  #aside = new Set<string>();
  #liar = 0;

  constructor(chain: ForkedChain, random: Random) {
    this.#chain = chain;
    this.#random = random;
  }

  get pool(): EndpointPool {
    return this as unknown as EndpointPool;
  }

  /** Another weather: the liar stays who it is. */
  change(): void {
    const { random, faults } = { random: this.#random, faults: this.#faults };
    faults.fill("none");
    faults[this.#liar] = random.pick(FAULTS);
    if (random.chance(0.3)) faults[(this.#liar + 1) % 3] = random.pick(["away", "behind"] as const);
    this.#old = [...this.#chain.hashes];
    this.#oldFinalized = this.#chain.finalized;
    if (random.chance(0.5)) this.#aside.clear();
  }

  choose(): void {
    this.#liar = this.#random.below(3);
  }

  setAside(url: string): void {
    this.#aside.add(url);
  }

  async request(method: string, params: readonly unknown[] = []): Promise<unknown> {
    for (const url of this.#awake()) {
      try {
        return this.#ask(url, method, params);
      } catch (error) {
        if (!(error instanceof EngramError)) throw error;
      }
    }
    throw new EngramError("CHAIN_UNREACHABLE", "no endpoint answers");
  }

  async everyone<T>(work: (endpoint: EndpointCall) => Promise<T>): Promise<readonly { url: string; answer: T }[]> {
    const asked = this.#awake().map(async (url) => {
      try {
        const request = async (method: string, params: readonly unknown[] = []) => this.#ask(url, method, params);
        return [{ url, answer: await work({ url, request }) }];
      } catch {
        return [];
      }
    });
    return (await Promise.all(asked)).flat();
  }

  /** The liar first: it is the one in use. */
  #awake(): readonly string[] {
    const order = [this.#liar, (this.#liar + 1) % 3, (this.#liar + 2) % 3];
    return order.map((index) => ENDPOINTS[index] ?? "").filter((url) => !this.#aside.has(url));
  }

  #ask(url: string, method: string, params: readonly unknown[]): unknown {
    const fault = this.#faults[ENDPOINTS.indexOf(url)] ?? "none";
    if (fault === "away") throw new EngramError("CHAIN_UNREACHABLE", "away");
    if (fault === "garbage" && this.#random.chance(0.5)) return { nonsense: true };
    const { hashes, finalized } = this.#view(fault);
    switch (method) {
      case "chain_getFinalizedHead":
        return hashes[Math.min(finalized, hashes.length - 1)];
      case "system_health":
        return { isSyncing: false };
      case "chain_getHeader": {
        const number = this.#chain.numbers.get(String(params[0])) ?? hashes.indexOf(String(params[0]));
        return number < 0 ? null : { number: `0x${number.toString(16)}` };
      }
      case "chain_getBlockHash":
        return hashes[params.length === 0 ? hashes.length - 1 : Number(params[0])] ?? null;
      default:
        throw new Error(`nobody knows ${method}`);
    }
  }

  #view(fault: Fault): { readonly hashes: readonly string[]; readonly finalized: number } {
    const { hashes, finalized, head } = this.#chain;
    switch (fault) {
      case "behind":
        return { hashes: hashes.slice(0, Math.max(1, head - 2)), finalized: Math.max(0, finalized - 3) };
      case "stuck":
        return { hashes: this.#old, finalized: this.#oldFinalized };
      case "overstates":
        return { hashes, finalized: head };
      case "forked":
        // Goes on with what the others replaced, and calls all of it final.
        return { hashes: [...this.#old, ...hashes.slice(this.#old.length)], finalized: head };
      case "other hashes":
        return {
          hashes: hashes.map((one, number) => this.#old[number] ?? one).concat(hashes.slice(-3)),
          finalized: finalized + 2,
        };
      default:
        return { hashes, finalized };
    }
  }
}
