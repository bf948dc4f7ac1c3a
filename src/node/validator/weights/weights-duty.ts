import { isEngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { toWeightRow } from "../../chain/local/weight-row.ts";
import type { ChainClient, Neuron, WeightsTerms } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { KeptRound } from "../store/validator-rows.ts";
import type { ValidatorStore } from "../store/validator-store.ts";
import type { KeptSubmission } from "../store/weights-operations.ts";
import type { ValidatorMetrics } from "../validator-metrics.ts";
import { blockFinality } from "./round-finality.ts";
import { nextTask, weightsFor } from "./weights-policy.ts";

export interface WeightsDutyDeps {
  readonly chain: Pick<ChainClient, "finalized" | "blockHash" | "weights" | "weightsTerms" | "setWeights" | "readBack">;
  readonly hotkey: Hotkey;
  readonly store: ValidatorStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ValidatorMetrics;
}

/** What is known before the chain answers: a row that was sent is looked for for so many blocks, or epochs. */
const SENT_BLOCKS = 64;
const SENT_EPOCHS = 4;
/** After these the row may be on the chain all the same. */
const UNKNOWN_EFFECT = ["CHAIN_TIMEOUT", "CHAIN_UNREACHABLE"];

/**
 * Sets weights when they are due and follows them until a finalized block shows them (V-W3). Every step is on disk
 * before the next: a validator that was killed in between finds out by the chain what became of its weights.
 */
export class WeightsDuty {
  readonly #deps: WeightsDutyDeps;
  #reported = "";

  constructor(deps: WeightsDutyDeps) {
    this.#deps = deps;
  }

  /** As far as it comes now. `neurons` are the finalized ones. Errors: the chain's while it does not answer, `STORE_…`. */
  async run(neurons: readonly Pick<Neuron, "uid" | "hotkey">[]): Promise<void> {
    await this.follow();
    const own = neurons.find(({ hotkey }) => hotkey === this.#deps.hotkey);
    if (own && (await this.#setDue(own.uid, neurons))) await this.follow();
  }

  /** Asks the chain what became of everything that is open. */
  async follow(): Promise<void> {
    const { chain, store, logger, metrics } = this.#deps;
    for (const kept of await store.call("openSubmissions", null)) {
      if (kept.state === "sending" && !(await this.#arrived(kept))) {
        await store.call("notSent", { id: kept.id });
        continue;
      }
      const state = await chain.readBack(kept.submission);
      const isFinal = kept.state === "waiting" && (await blockFinality(chain, kept.submission.block)) === "final";
      const included = kept.included || isFinal;
      if (state === "waiting") {
        if (included !== kept.included)
          await store.call("submissionState", { id: kept.id, state: kept.state, included });
        continue;
      }
      await store.call("submissionState", { id: kept.id, state, included: state === "counts" });
      metrics.weights(state);
      const { id, roundId, submission } = kept;
      if (state === "counts") logger.info({ roundId, path: submission.path }, "the chain has our weights");
      else
        logger.error(
          { roundId, path: submission.path, id },
          "weights were lost; the next ones that are due replace them",
        );
    }
  }

  /** What was about to be sent when the process ended, or when the chain fell silent: whether the chain has it. */
  async #arrived({ submission }: KeptSubmission): Promise<boolean> {
    const { lastSet } = await this.#deps.chain.weightsTerms(this.#deps.hotkey);
    return lastSet !== null && lastSet >= submission.block.number;
  }

  /** Returns whether weights were sent. */
  async #setDue(uid: number, neurons: readonly Pick<Neuron, "uid" | "hotkey">[]): Promise<boolean> {
    const { chain, hotkey, store, logger, metrics } = this.#deps;
    const terms = await chain.weightsTerms(hotkey);
    const rounds = await store.call("settledAfter", { roundId: await store.call("coveredRound", null) });
    const since = await store.call("heldBackSince", null);
    const next = nextTask(rounds, terms, since);
    metrics.heldBack(next.task === "hold");
    if (next.task === "none") return false;
    if (next.task === "hold") {
      if (since === null) {
        await store.call("holdBack", { since: next.since });
        const { tempo } = terms;
        logger.warn({ since: next.since, tempo }, "weights wait for a quorum, one tempo at most; then our own are set");
      }
      return false;
    }
    const { round, agreed } = next;
    if (!(await this.#stands(round))) return false;
    const weights = weightsFor(round, neurons);
    if (![...weights.values()].some((weight) => weight > 0)) {
      this.#reportOnce(round, "NO_WEIGHTS", "no miner earned weight in this round");
      return false;
    }
    if (round.verdict === "refused") {
      metrics.ownWeightsSet();
      logger.error(
        { roundId: round.roundId },
        "ALERT: other validators disagreed for a tempo; our own weights are set",
      );
    }
    return await this.#send(round, { uid, agreed, weights, terms });
  }

  /** Nothing of a block that is not final, and never anything of one that was orphaned. */
  async #stands({ roundId, block, blockHash }: KeptRound): Promise<boolean> {
    const { chain, store, logger, metrics } = this.#deps;
    const finality = await blockFinality(chain, { number: block, hash: blockHash });
    if (finality === "orphaned") {
      await store.call("stage", { roundId, stage: "orphaned" });
      metrics.round("orphaned");
      logger.warn({ roundId, block }, "a round's block was orphaned: nothing of it is used");
    }
    return finality === "final";
  }

  async #send(round: KeptRound, { uid, agreed, weights, terms }: SendInput): Promise<boolean> {
    const { chain, hotkey, store, clock, logger, metrics } = this.#deps;
    const { roundId } = round;
    const { head, tempo, commitReveal } = terms;
    const submission = {
      ...({ path: commitReveal ? "timelock" : "set", uid } as const),
      row: new Map(toWeightRow([...weights])),
      // Until the chain answers this much is known: no sooner than in this block, and its row shows that it came.
      ...{ block: { number: head, hash: round.blockHash }, revealBlock: head },
      revealBlocks: commitReveal ? SENT_EPOCHS * (tempo + 1) : SENT_BLOCKS,
    };
    const id = await store.call("sending", { roundId, agreed, submission, now: clock.now() });
    try {
      const sent = await chain.setWeights(hotkey, weights);
      await store.call("sent", { id, submission: sent });
      metrics.weights("sent");
      logger.info({ roundId, path: sent.path, block: sent.block.number, agreed }, "weights were sent");
      return true;
    } catch (error) {
      const code = isEngramError(error) ? error.code : "UNKNOWN";
      if (UNKNOWN_EFFECT.includes(code) || code === "UNKNOWN") throw error;
      await store.call("notSent", { id });
      metrics.weights("refused");
      this.#reportOnce(round, code, "the chain took no weights for this round");
      return false;
    }
  }

  /** Every block asks again; the log says it once. */
  #reportOnce({ roundId }: KeptRound, code: string, sentence: string): void {
    const what = `${roundId} ${code}`;
    if (this.#reported !== what) this.#deps.logger.warn({ roundId, code }, sentence);
    this.#reported = what;
  }
}

interface SendInput {
  readonly uid: number;
  readonly agreed: boolean;
  readonly weights: ReadonlyMap<number, number>;
  readonly terms: WeightsTerms;
}
