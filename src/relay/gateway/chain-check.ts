import { isEngramError } from "../../crypto/errors.ts";
import type { BlockRef, ChainClient, Metagraph } from "../../node/ports.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { judgeFinality } from "../finality.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission } from "./submission.ts";

const RETRY_SECONDS = 6;
/** The chain must answer within this, or the request is told to come back. */
const CHAIN_MS = 10_000;

export interface ChainState {
  readonly identity: string;
  readonly head: BlockRef;
  readonly finalized: BlockRef;
}

/** The chain as the gateway asks it: every question has a deadline, and no answer is a 503. */
export class ChainCheck {
  readonly #chain: ChainClient;
  readonly #log: Logger;

  constructor(chain: ChainClient, log: Logger) {
    this.#chain = chain;
    this.#log = log;
  }

  async state(): Promise<ChainState> {
    const [identity, head, finalized] = await this.#ask(() =>
      Promise.all([this.#chain.identity(), this.#chain.head(), this.#chain.finalized()]),
    );
    return { identity, head, finalized };
  }

  /**
   * Passes when the submission's block is final and the one it names (spec 14.1, guide 4.4). Throws `GatewayRefusal`
   * `not_final`, or `chain_mismatch` for a block that a reorganisation took away: that one never becomes right.
   */
  async requireFinal({ block, blockHash }: Submission, { head, finalized }: ChainState): Promise<void> {
    // Read after the finalized head: what is final by then stays.
    const canonicalHash = await this.#ask(() => this.#chain.blockHash(block));
    const view = { finalized: finalized.number, head: head.number, canonicalHash };
    // v1 names no hash: it is judged by its number, as its validators were.
    const finality = judgeFinality({ number: block, hash: blockHash ?? canonicalHash ?? "" }, view);
    if (finality === "final") return;
    if (finality === "orphaned" && block <= finalized.number) {
      throw new GatewayRefusal("chain_mismatch", "its block is not on the chain; make it anew from the one that is");
    }
    throw new GatewayRefusal("not_final", "its block is not final yet; send it again later", RETRY_SECONDS);
  }

  /** The neurons at a final block. */
  async metagraph(block: number): Promise<Metagraph> {
    return await this.#ask(() => this.#chain.metagraph(block));
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("late")), CHAIN_MS);
    try {
      return await Promise.race([question(), late]);
    } catch (error) {
      if (isEngramError(error, "CHAIN_HISTORY_GONE")) {
        throw new GatewayRefusal("chain_mismatch", "its block is too old to check who signed it");
      }
      this.#log.warn({ code: isEngramError(error) ? error.code : "UNEXPECTED" }, "the chain did not answer");
      throw new GatewayRefusal("unavailable", "the chain does not answer; send it again later", RETRY_SECONDS);
    } finally {
      clearTimeout(timer);
    }
  }
}
