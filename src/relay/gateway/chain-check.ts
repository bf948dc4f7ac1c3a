import { LRUCache } from "lru-cache";
import { isEngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { BlockRef, ChainClient, Metagraph } from "../../node/ports.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { type Anchor, type AnchorState, anchorState } from "../anchor.ts";
import { judgeFinality } from "../finality.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission } from "./submission.ts";

const RETRY_SECONDS = 6;
/** The chain must answer within this, or the request is told to come back. */
const CHAIN_MS = 10_000;
const MAX_FINALS = 1_024;
/** What is final stays, but the node that said so may have been wrong: so many blocks later it is asked again. */
const TRUSTED_BLOCKS = 10;
/** A finalized head this old still says enough about a block known to be final: heads only grow. */
const STATE_MS = 1_000;

export interface ChainState {
  readonly identity: string;
  readonly head: BlockRef;
  readonly finalized: BlockRef;
}

type Claim = Pick<Submission, "block" | "blockHash">;

/** The chain as the gateway asks it: every question has a deadline, and no answer is a 503. */
export class ChainCheck {
  readonly #chain: ChainClient;
  readonly #log: Logger;
  /** Blocks that were found final, and the finalized head of then. */
  readonly #finals = new LRUCache<number, { readonly hash: string; readonly asOf: number }>({ max: MAX_FINALS });
  #asked: Promise<ChainState> | undefined;
  #last: { readonly state: ChainState; readonly at: number } | undefined;

  constructor(chain: ChainClient, log: Logger) {
    this.#chain = chain;
    this.#log = log;
  }

  /** The chain now; those who ask at once are told the same. */
  async state(): Promise<ChainState> {
    this.#asked ??= this.#askState().finally(() => {
      this.#asked = undefined;
    });
    return await this.#asked;
  }

  async #askState(): Promise<ChainState> {
    const [identity, head, finalized] = await this.#ask(() =>
      Promise.all([this.#chain.identity(), this.#chain.head(), this.#chain.finalized()]),
    );
    const state = { identity, head, finalized };
    this.#last = { state, at: performance.now() };
    return state;
  }

  /**
   * The chain, for a submission whose block is final and the one it names (spec 14.1, guide 4.4). Throws
   * `GatewayRefusal` `not_final`, or `chain_mismatch` for a block that a reorganisation took away: that one never
   * becomes right.
   */
  async finalState(claim: Claim): Promise<ChainState> {
    const known = this.#finals.get(claim.block);
    const last = this.#last;
    const isKnown = ({ finalized }: ChainState) =>
      known !== undefined &&
      known.hash === (claim.blockHash ?? known.hash) &&
      finalized.number - known.asOf < TRUSTED_BLOCKS;
    if (last && performance.now() - last.at < STATE_MS && isKnown(last.state)) return last.state;
    const state = await this.state();
    if (!isKnown(state)) await this.requireFinal(claim, state);
    return state;
  }

  /** Passes when the claimed block is final in `state`. Throws as `finalState`. */
  async requireFinal({ block, blockHash }: Claim, { head, finalized }: ChainState): Promise<void> {
    // Read after the finalized head: what is final by then stays.
    const canonicalHash = await this.#ask(() => this.#chain.blockHash(block));
    const view = { finalized: finalized.number, head: head.number, canonicalHash };
    // v1 names no hash: it is judged by its number, as its validators were.
    const finality = judgeFinality({ number: block, hash: blockHash ?? canonicalHash ?? "" }, view);
    if (finality === "final" && canonicalHash !== null) {
      this.#finals.set(block, { hash: canonicalHash, asOf: finalized.number });
      return;
    }
    if (finality === "orphaned" && block <= finalized.number) {
      throw new GatewayRefusal("chain_mismatch", "its block is not on the chain; make it anew from the one that is");
    }
    throw new GatewayRefusal("not_final", "its block is not final yet; send it again later", RETRY_SECONDS);
  }

  /** The neurons at a final block; null when the chain keeps its state no more. */
  async pastMetagraph(block: number): Promise<Metagraph | null> {
    return await this.#ask(async () => {
      try {
        return await this.#chain.metagraph(block);
      } catch (error) {
        if (isEngramError(error, "CHAIN_HISTORY_GONE")) return null;
        throw error;
      }
    });
  }

  /** What a hotkey anchored, as of a final block, or the finalized head. A block whose state is gone shows nothing. */
  async anchor(hotkey: Hotkey, anchor: Anchor, atBlock?: number): Promise<AnchorState> {
    return await this.#ask(async () => {
      try {
        return await anchorState(this.#chain, hotkey, anchor, atBlock);
      } catch (error) {
        if (isEngramError(error, "CHAIN_HISTORY_GONE")) return "missing";
        throw error;
      }
    });
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("late")), CHAIN_MS);
    try {
      return await Promise.race([question(), late]);
    } catch (error) {
      this.#log.warn({ code: isEngramError(error) ? error.code : "UNEXPECTED" }, "the chain did not answer");
      throw new GatewayRefusal("unavailable", "the chain does not answer; send it again later", RETRY_SECONDS);
    } finally {
      clearTimeout(timer);
    }
  }
}
