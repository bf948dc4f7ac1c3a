import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient, Neuron } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";

/** One block: asking more often shows nothing new. */
const FRESH_MS = 12_000;
/** What was read longer ago says nothing about who is registered or what they have staked now. */
const MAX_AGE_MS = 600_000;

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

  /**
   * The newest snapshot; while the chain does not answer, one of at most ten minutes; else null: who asks whether
   * somebody is registered then hears no.
   */
  async snapshot(): Promise<ChainSnapshot | null> {
    if (this.#age() > FRESH_MS) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      // Nobody waits while there is something to show (M-W30): a cold view would call every neuron unknown.
      if (this.#age() > MAX_AGE_MS) await this.#reading;
    }
    return this.#age() > MAX_AGE_MS ? null : this.#last;
  }

  /** Infinite before the first reading; a clock that was set back makes nothing younger. */
  #age(): number {
    return this.#last === null ? Number.POSITIVE_INFINITY : Math.abs(this.#clock.now() - this.#last.readAt);
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
