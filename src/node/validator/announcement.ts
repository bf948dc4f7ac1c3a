import { isEngramError } from "../../crypto/errors.ts";
import type { ValidatorServices } from "./validator-context.ts";

/** Between two tries: a chain limits how often an address may be set. */
const RETRY_BLOCKS = 25;

/**
 * Publishes where a validator is reached, also when its hotkey is registered only later. What stands against it is logged
 * and ends nothing: without an address others do not hear this validator, but what it owes the chain it can set (V-W4).
 */
export class Announcement {
  readonly #deps: Pick<ValidatorServices, "chain" | "identity" | "logger">;
  readonly #endpoint: string;
  #isDone = false;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: Pick<ValidatorServices, "chain" | "identity" | "logger">, endpoint: string) {
    this.#deps = deps;
    this.#endpoint = endpoint;
  }

  /** Tries where that was not done yet, and not just now. */
  async bring(): Promise<void> {
    const { chain, identity, logger } = this.#deps;
    const { hotkey } = identity;
    const endpoint = this.#endpoint;
    if (this.#isDone) return;
    try {
      const { number } = await chain.head();
      if (number < this.#triedAt + RETRY_BLOCKS) return;
      this.#triedAt = number;
      if ((await chain.uidOf(hotkey)) === null) {
        logger.warn({ hotkey }, "this hotkey is not registered on the subnet");
        return;
      }
      await chain.serveAxon(hotkey, endpoint);
      this.#isDone = true;
    } catch (error) {
      const code = isEngramError(error) ? error.code : "UNKNOWN";
      logger.error({ code, endpoint }, "this validator's address could not be published; it is tried again");
    }
  }
}
