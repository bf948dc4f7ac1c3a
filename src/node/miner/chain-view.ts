import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient, Neuron } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";

/** One block: asking more often shows nothing new. */
const FRESH_MS = 12_000;

interface ChainSnapshot {
  readonly block: number;
  readonly neurons: ReadonlyMap<Hotkey, Neuron>;
  readonly readAt: number;
}

/** The metagraph as the routes see it: read at most once a block, and never a reason to fail. */
export class ChainView {
  readonly #chain: ChainClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #last: ChainSnapshot | null = null;
  #reading: Promise<void> | undefined;

  constructor(deps: { readonly chain: ChainClient; readonly clock: Clock; readonly logger: Logger }) {
    this.#chain = deps.chain;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
  }

  /** The newest snapshot, an older one while the chain does not answer, null before it ever did. */
  async snapshot(): Promise<ChainSnapshot | null> {
    const age = this.#clock.now() - (this.#last?.readAt ?? Number.NEGATIVE_INFINITY);
    if (age > FRESH_MS) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      // Only the first reader ever waits (M-W30): a cold view would call every neuron unknown.
      if (this.#last === null) await this.#reading;
    }
    return this.#last;
  }

  async neuron(hotkey: Hotkey): Promise<Neuron | null> {
    return (await this.snapshot())?.neurons.get(hotkey) ?? null;
  }

  async #read(): Promise<void> {
    try {
      const { block, neurons } = await this.#chain.metagraph();
      const byHotkey = new Map(neurons.map((neuron) => [neuron.hotkey, neuron]));
      this.#last = { block, neurons: byHotkey, readAt: this.#clock.now() };
    } catch (error) {
      this.#logger.warn({ code: error instanceof Error ? error.name : "unknown" }, "the chain did not answer");
    }
  }
}
