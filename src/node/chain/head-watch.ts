import type { BlockRef } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";

/** How long a chain that does not answer is left alone. */
const RETRY_MS = 1_000;

/** Resolves with the head once it is another than `seen`; rejects when `signal` aborts or the chain fails to answer. */
export type NextHead = (seen: BlockRef | null, signal: AbortSignal) => Promise<BlockRef>;

/** Follows a chain's head for any number of listeners, until it is disposed. */
export class HeadWatch implements Disposable {
  readonly #next: NextHead;
  readonly #clock: Clock;
  readonly #closing = new AbortController();

  constructor(next: NextHead, clock: Clock) {
    this.#next = next;
    this.#clock = clock;
  }

  /** As `ChainClient.onHead`. */
  onHead(listener: (head: BlockRef) => void, signal: AbortSignal): void {
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    const tell = (head: BlockRef): false => {
      try {
        listener(head);
      } catch {
        // A listener's failure is its own: the others go on hearing.
      }
      return false;
    };
    // It ends by rejecting, with the reason to end.
    this.#follow(tell, ending).catch(() => undefined);
  }

  /** As `ChainClient.waitForBlock`. */
  async waitForBlock(number: number, signal: AbortSignal): Promise<BlockRef> {
    return await this.#follow((head) => head.number >= number, AbortSignal.any([signal, this.#closing.signal]));
  }

  async #follow(isEnough: (head: BlockRef) => boolean, signal: AbortSignal): Promise<BlockRef> {
    let seen: BlockRef | null = null;
    for (;;) {
      signal.throwIfAborted();
      try {
        seen = await this.#next(seen, signal);
      } catch {
        signal.throwIfAborted();
        await this.#clock.sleep(RETRY_MS, signal).catch(() => signal.throwIfAborted());
        continue;
      }
      signal.throwIfAborted();
      if (isEnough(seen)) return seen;
    }
  }

  [Symbol.dispose](): void {
    this.#closing.abort(new Error("the chain client was closed"));
  }
}
