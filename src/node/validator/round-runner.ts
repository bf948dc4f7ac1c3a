import { signScoreVector } from "../../crypto/consensus-message.ts";
import { isEngramError } from "../../crypto/errors.ts";
import type { Metagraph, MinerScore, RankingRound, RelayPort } from "../ports.ts";
import { judgeMiners, standingsAfter } from "./judge-miners.ts";
import { measureMiners } from "./measure-miners.ts";
import type { KeptRound } from "./store/validator-rows.ts";
import { roundIdOf, type ValidatorServices } from "./validator-context.ts";
import type { VectorExchange } from "./vector-exchange.ts";
import { callableMiners, minersOf } from "./which-miners.ts";

/** What came of looking for something to do. `no_quorum`: too few validators agree so far. */
export type RoundOutcome = "done" | "no_permit" | "no_miners" | "no_quorum";

/** Rounds kept for those who ask about them later. */
const KEPT_ROUNDS = 100;

/**
 * Takes the round of the finalized block through its stages: measured, agreed, weighted, done. Each is on disk before
 * the next begins, so that a validator that was killed goes on where it was.
 */
export class RoundRunner {
  readonly #services: ValidatorServices;
  readonly #exchange: VectorExchange;
  readonly #relay: RelayPort | undefined;
  #running: Promise<RoundOutcome> | undefined;

  constructor(services: ValidatorServices, exchange: VectorExchange, relay: RelayPort | undefined) {
    this.#services = services;
    this.#exchange = exchange;
    this.#relay = relay;
  }

  /** Brings the round as far as it comes now; calls at the same time share one run. Errors: the chain's, `STORE_…`. */
  async run(): Promise<RoundOutcome> {
    this.#services.signal.throwIfAborted();
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** Resolves once no run is under way, however it ended. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<RoundOutcome> {
    const { chain, store, identity } = this.#services;
    const metagraph = await chain.metagraph();
    const roundId = roundIdOf(metagraph.block);
    for (const earlier of await store.call("unfinished", { before: roundId })) {
      await this.#finish(earlier, earlier.roundId === roundId - 1);
    }
    const own = metagraph.neurons.find(({ hotkey }) => hotkey === identity.hotkey);
    if (!own?.validatorPermit) return "no_permit";
    const round = (await store.call("round", { roundId })) ?? (await this.#measure(metagraph, roundId));
    if (round === null) return "no_miners";
    const agreed = round.agreed === null ? await this.#agree(round, metagraph) : round;
    if (agreed === null) return "no_quorum";
    await this.#finish(agreed, true);
    return "done";
  }

  async #measure({ block, hash, neurons }: Metagraph, roundId: number): Promise<KeptRound | null> {
    const { chain, store, identity, clock, options, logger, replication } = this.#services;
    // A chain's first block is as good as none to whoever takes the scores: the next one comes at once (V-W12).
    if (block === 0) return null;
    const miners = minersOf(neurons, identity.hotkey);
    const callable = callableMiners(miners, (await chain.identity()).startsWith("local:"));
    if (callable.length === 0) return null;
    const measurements = await measureMiners({ ...this.#services, embeddingDim: options.embeddingDim }, callable);
    for (const { hotkey, copies } of measurements) await replication.noteChallenges(hotkey, copies);
    const known = { miners: await store.call("miners", null), slashes: await store.call("slashes", null) };
    const { scores, challenges, ...judged } = judgeMiners(known, miners, measurements, {
      block,
      cooldownBlocks: options.slashCooldownBlocks,
    });
    const recalls = new Map([...scores].map(([uid, { recall }]) => [uid, recall]));
    const ownVector = signScoreVector({ block, scores: recalls, timestampMs: clock.now() }, identity);
    const round = { roundId, block, blockHash: hash, measured: scores, challenges, ownVector };
    await store.call("measured", { round, ...judged, keepFrom: roundId - KEPT_ROUNDS });
    logger.info({ roundId, block, miners: callable.length }, "a round was measured");
    return { ...round, agreed: null, weights: null, stage: "measured" };
  }

  async #agree(round: KeptRound, { neurons }: Metagraph): Promise<KeptRound | null> {
    const { store, logger } = this.#services;
    const { roundId } = round;
    const agreed = await this.#exchange.agreeOn(round, neurons);
    if (agreed === null) {
      logger.warn({ roundId }, "too few validators agree with this round; they are asked again at the next block");
      return null;
    }
    const { miners, weights } = await this.#standings(round, agreed);
    await store.call("agreed", { roundId, agreed, weights, miners });
    return await store.call("round", { roundId });
  }

  async #standings({ block }: KeptRound, agreed: ReadonlyMap<number, MinerScore>) {
    const { chain, store } = this.#services;
    const { neurons } = await chain.metagraph(block);
    const known = { miners: await store.call("miners", null), slashes: await store.call("slashes", null) };
    return standingsAfter(known, neurons, agreed);
  }

  /** What was agreed is relayed however late; weights that old are not set any more. */
  async #finish(round: KeptRound, isFresh: boolean): Promise<void> {
    const { store } = this.#services;
    const { roundId, stage, block, blockHash, agreed } = round;
    if (stage === "agreed") {
      if (isFresh) await this.#setWeights(round);
      await store.call("stage", { roundId, stage: "weighted" });
    }
    if (stage === "done" || agreed === null) return;
    await this.#emit({ block, blockHash, roundId, scores: agreed });
    await store.call("stage", { roundId, stage: "done" });
  }

  /** Only what was agreed on is relayed; the relay's queue takes the same round twice as one. */
  async #emit(round: RankingRound): Promise<void> {
    try {
      await this.#relay?.emitRanking(round);
    } catch (error) {
      // Never right later either: it must not hold up the rounds behind it.
      if (!isEngramError(error, "SCORES_INVALID") && !isEngramError(error, "RELAY_NO_BLOCK")) throw error;
      this.#services.logger.error({ roundId: round.roundId, code: error.code }, "a round cannot be relayed");
    }
  }

  async #setWeights({ roundId, weights }: KeptRound): Promise<void> {
    const { chain, identity, logger } = this.#services;
    if (weights === null || ![...weights.values()].some((weight) => weight > 0)) {
      logger.warn({ roundId }, "no miner earned weight in this round");
      return;
    }
    try {
      const { number } = (await chain.setWeights(identity.hotkey, weights)).block;
      logger.info({ roundId, block: number }, "weights were set");
    } catch (error) {
      // The next round's weights hold all that these do; the agreed scores are relayed meanwhile.
      if (!isEngramError(error, "CHAIN_RATE_LIMIT") && !isEngramError(error, "CHAIN_NO_PERMIT")) throw error;
      logger.warn({ roundId, code: error.code }, "the chain took no weights for this round");
    }
  }
}
