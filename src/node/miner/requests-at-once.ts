import { MAX_REQUESTS_AT_ONCE, MAX_REQUESTS_AT_ONCE_OF_ADDRESS } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Peer } from "./admission.ts";
import { peerKey } from "./peer-key.ts";

export interface AtOnceLimits {
  readonly all: number;
  readonly ofAddress: number;
}

const LIMITS: AtOnceLimits = { all: MAX_REQUESTS_AT_ONCE, ofAddress: MAX_REQUESTS_AT_ONCE_OF_ADDRESS };

/** How many requests are being worked on, in all and of each address (R7, R11). */
export class RequestsAtOnce {
  readonly #limits: AtOnceLimits;
  readonly #ofAddress = new Map<string, number>();
  #all = 0;

  constructor(limits: AtOnceLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Now, of all addresses. */
  get all(): number {
    return this.#all;
  }

  /** Call what it returns when the request is answered. A caller in process is not counted. Throws `Refusal` 503. */
  enter(peer: Peer): () => void {
    if (peer === null) return () => undefined;
    const key = peerKey(peer);
    const before = this.#ofAddress.get(key) ?? 0;
    if (this.#all >= this.#limits.all || before >= this.#limits.ofAddress) {
      throw new Refusal(503, "this miner works on as many requests as it can; send it again", { retryAfterSeconds: 1 });
    }
    this.#all += 1;
    this.#ofAddress.set(key, before + 1);
    return () => this.#leave(key);
  }

  #leave(key: string): void {
    this.#all -= 1;
    const left = (this.#ofAddress.get(key) ?? 1) - 1;
    if (left === 0) this.#ofAddress.delete(key);
    else this.#ofAddress.set(key, left);
  }
}
