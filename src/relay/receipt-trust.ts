import { isEngramError } from "../crypto/errors.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { GatewayKeys } from "./gateway-keys.ts";
import { type Receipt, receiptSchema, verifyReceipt } from "./receipt.ts";
import { type Succession, verifySuccessions } from "./signed-statement.ts";
import type { SubmissionTransport } from "./transport/submission-transport.ts";

/** Where a relay keeps what it learned of a gateway's keys, for the hotkey that its operator pinned. */
export interface SuccessionMemory {
  read(pinned: Hotkey): Promise<readonly Succession[]>;
  /** Resolves once it is on disk. */
  keep(pinned: Hotkey, successions: readonly Succession[]): Promise<void>;
}

interface Deps {
  readonly transport: Pick<SubmissionTransport, "successions">;
  readonly memory: SuccessionMemory;
  readonly log: Logger;
}

/**
 * Whose receipts count: the pinned hotkey's, and those of keys that it vouches for, each for its own numbers. The gateway
 * is asked for its successions when a receipt is signed by a key that is not known to be in charge.
 */
export class ReceiptTrust {
  readonly #pinned: Hotkey;
  readonly #deps: Deps;

  constructor(pinned: Hotkey, deps: Deps) {
    this.#pinned = pinned;
    this.#deps = deps;
  }

  /**
   * The receipt in `value` when it is about `signedHash` and signed by who is in charge of its number; else null.
   * Errors: those of the transport, the signal's reason.
   */
  async verify(value: unknown, signedHash: string, signal: AbortSignal): Promise<Receipt | null> {
    const claimed = receiptSchema.safeParse(value).data;
    if (!claimed) return null;
    const signer = claimed.gateway_hotkey;
    const known = await this.#deps.memory.read(this.#pinned);
    const isInCharge = (keys: GatewayKeys) => keys.signerOf(claimed.gateway_seq) === signer;
    if (!isInCharge(new GatewayKeys(this.#pinned, known))) {
      const told = await this.#ask(known, signal);
      if (told === null || !isInCharge(new GatewayKeys(this.#pinned, told))) return null;
      await this.#deps.memory.keep(this.#pinned, told);
      this.#deps.log.info({ hotkey: signer }, "the gateway signs with a new key that the pinned one vouches for");
    }
    try {
      return await verifyReceipt(value, claimed.gateway_hotkey as Hotkey, signedHash);
    } catch (error) {
      if (isEngramError(error, "RECEIPT_INVALID")) return null;
      throw error;
    }
  }

  /** What the gateway says now, when it holds and goes on from what it said before; null otherwise. */
  async #ask(known: readonly Succession[], signal: AbortSignal): Promise<readonly Succession[] | null> {
    const told = await verifySuccessions(await this.#deps.transport.successions(signal));
    if (told === null) return null;
    if (known.every(({ statement_hash }, index) => told[index]?.statement_hash === statement_hash)) return told;
    this.#deps.log.error("the gateway tells another story of its keys than before; its receipts do not count");
    return null;
  }
}
