import { randomBytes } from "node:crypto";
import { signScoreVector } from "../../crypto/consensus-message.ts";
import { isEngramError } from "../../crypto/errors.ts";
import { openingHash, signScoreCommit } from "../../crypto/score-opening.ts";
import type { Metagraph, RankingRound, RelayPort } from "../ports.ts";
import { inSpan } from "../runtime/tracing.ts";
import { openingOf } from "./consensus/consensus-desk.ts";
import type { Agreement, ConsensusExchange } from "./consensus/consensus-exchange.ts";
import { commitText } from "./consensus/round-messages.ts";
import { judgeMiners, standingsAfter } from "./judge-miners.ts";
import { measureMiners } from "./measure-miners.ts";
import type { KeptRound } from "./store/validator-rows.ts";
import { roundIdOf, type ValidatorServices } from "./validator-context.ts";
import { isSilent } from "./visit-miner.ts";
import { blockFinality } from "./weights/round-finality.ts";
import { WeightsDuty } from "./weights/weights-duty.ts";
import { callableMiners, minersOf } from "./which-miners.ts";

/**
 * What came of looking for something to do. `no_quorum`: the round at hand has not ended yet. `no_answers`: no miner did
 * anything in it, and it is left out.
 */
export type RoundOutcome = "done" | "no_permit" | "no_miners" | "no_answers" | "no_quorum";

/** Rounds kept for those who ask about them later. */
const KEPT_ROUNDS = 100;

/**
 * Takes the round of the finalized block through its stages: measured, agreed on, relayed; and sets weights when they
 * are due, whatever the others say. Each stage is on disk before the next begins, so that a validator that was killed
 * goes on where it was.
 */
export class RoundRunner {
  readonly #services: ValidatorServices;
  readonly #exchange: ConsensusExchange;
  readonly #relay: RelayPort | undefined;
  readonly #duty: WeightsDuty;
  #running: Promise<RoundOutcome> | undefined;
  /** The round in which nobody answered. */
  #unheard = -1;

  constructor(services: ValidatorServices, exchange: ConsensusExchange, relay: RelayPort | undefined) {
    this.#services = services;
    this.#exchange = exchange;
    this.#relay = relay;
    this.#duty = new WeightsDuty({ ...services, hotkey: services.identity.hotkey });
  }

  /** Brings the round as far as it comes now; calls at the same time share one run. Errors: the chain's, `STORE_…`. */
  async run(): Promise<RoundOutcome> {
    this.#services.signal.throwIfAborted();
    this.#running ??= this.#traced().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** Resolves once no run is under way, however it ended. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  #traced(): Promise<RoundOutcome> {
    return inSpan({ name: "validator.round" }, async (span) => {
      const outcome = await this.#run();
      span.set({ "engram.outcome": outcome });
      return outcome;
    });
  }

  async #run(): Promise<RoundOutcome> {
    const { chain, store } = this.#services;
    const metagraph = await chain.metagraph();
    for (const earlier of await store.call("unsettled", { before: roundIdOf(metagraph.block) })) {
      await this.#settle(earlier, await this.#exchange.conclude(earlier, metagraph));
    }
    const outcome = await this.#round(metagraph);
    await this.#duty.run(metagraph.neurons);
    await this.#relayShown();
    return outcome;
  }

  async #round(metagraph: Metagraph): Promise<RoundOutcome> {
    const { store, identity } = this.#services;
    const own = metagraph.neurons.find(({ hotkey }) => hotkey === identity.hotkey);
    if (!own?.validatorPermit) return "no_permit";
    const roundId = roundIdOf(metagraph.block);
    const round = (await store.call("round", { roundId })) ?? (await this.#measure(metagraph, roundId));
    if (round === null) return roundId === this.#unheard ? "no_answers" : "no_miners";
    if (round.stage !== "measured") return "done";
    const agreement = await this.#exchange.agreeOn(round, metagraph);
    if (agreement.kind === "waiting") return "no_quorum";
    await this.#settle(round, agreement);
    return "done";
  }

  async #measure({ block, hash, neurons }: Metagraph, roundId: number): Promise<KeptRound | null> {
    const { chain, store, identity, clock, options, logger, metrics, replication } = this.#services;
    // A chain's first block is as good as none to whoever takes the scores: the next one comes at once (V-W12).
    if (block === 0 || roundId === this.#unheard) return null;
    const miners = minersOf(neurons, identity.hotkey);
    const callable = callableMiners(miners, (await chain.identity()).startsWith("local:"));
    if (callable.length === 0) return null;
    const started = performance.now();
    const measurements = await measureMiners({ ...this.#services, embeddingDim: options.embeddingDim }, callable);
    const took = performance.now() - started;
    if (measurements.length > 1 && measurements.every(isSilent)) {
      // Of several not one: the fault is at this end, as a clock or a firewall, and must slash or doubt nobody.
      this.#unheard = roundId;
      metrics.measured(measurements, took, 0);
      metrics.round("unheard");
      logger.error(
        { roundId, block, miners: callable.length },
        "no miner answered as it should: the round is left out; check this machine's clock and network",
      );
      return null;
    }
    for (const { hotkey, copies } of measurements) await replication.noteChallenges(hotkey, copies);
    const known = { miners: await store.call("miners", null), slashes: await store.call("slashes", null) };
    const { scores, challenges, ...judged } = judgeMiners(known, miners, measurements, {
      block,
      cooldownBlocks: options.slashCooldownBlocks,
    });
    metrics.measured(measurements, took, judged.slashes.filter(({ active }) => active).length);
    const recalls = new Map([...scores].map(([uid, { recall }]) => [uid, recall]));
    const ownVector = signScoreVector({ block, scores: recalls, timestampMs: clock.now() }, identity);
    const salt = randomBytes(32).toString("hex");
    const name = { chain: await chain.identity(), netuid: options.netuid, roundId };
    const opening = openingOf(name, { ownVector, measured: scores, challenges, salt });
    const ownCommit = commitText(signScoreCommit({ ...name, hash: openingHash(opening) }, identity));
    const hotkeys = new Map(miners.flatMap(({ uid, hotkey }) => (scores.has(uid) ? [[uid, hotkey] as const] : [])));
    const measured = { roundId, block, blockHash: hash, measured: scores, challenges, ownVector };
    const round = { ...measured, salt, ownCommit, hotkeys };
    await store.call("measured", { round, ...judged, keepFrom: roundId - KEPT_ROUNDS });
    logger.info({ roundId, block, miners: callable.length }, "a round was measured");
    return { ...round, openedAt: null, verdict: null, agreed: null, weights: null, stage: "measured" };
  }

  async #settle(round: KeptRound, { kind, scores, agreeing, speaking }: Ended): Promise<void> {
    const { chain, store, logger, options, metrics } = this.#services;
    const { roundId, block, blockHash, hotkeys } = round;
    if ((await blockFinality(chain, { number: block, hash: blockHash })) === "orphaned") {
      await store.call("stage", { roundId, stage: "orphaned" });
      metrics.round("orphaned");
      return logger.warn({ roundId, block }, "a round's block was orphaned: nothing of it is used");
    }
    const known = { miners: await store.call("miners", null), slashes: await store.call("slashes", null) };
    const neurons = [...hotkeys].map(([uid, hotkey]) => ({ uid, hotkey }));
    const { miners, weights } = standingsAfter(known, neurons, scores);
    if (!(await store.call("settled", { roundId, verdict: kind, agreed: scores, weights, miners }))) return;
    metrics.round(kind);
    metrics.voices(roundId, { agreeing, speaking });
    metrics.scores(miners.flatMap(({ average }) => average ?? []));
    const told = { roundId, agreeing, speaking, asked: options.minAgreeing };
    if (kind === "quorum") logger.info(told, "a round was agreed on");
    else if (kind === "alone") logger.warn(told, "too few validators speak: our own scores count, and are not relayed");
    else logger.warn(told, "other validators disagree with our scores: this round is not relayed");
  }

  /** What enough validators agreed on is relayed once the chain shows weights it is in (V-W32). */
  async #relayShown(): Promise<void> {
    const { store, options } = this.#services;
    const upTo = await store.call("shownRound", { after: options.rankingAfter });
    for (const { roundId, verdict, block, blockHash, agreed } of await store.call("unrelayed", { upTo })) {
      if (verdict === "quorum" && agreed) await this.#emit({ block, blockHash, roundId, scores: agreed });
      await store.call("stage", { roundId, stage: "done" });
    }
  }

  /** The relay's queue takes the same round twice as one. */
  async #emit(round: RankingRound): Promise<void> {
    try {
      await this.#relay?.emitRanking(round);
    } catch (error) {
      // Never right later either: it must not hold up the rounds behind it.
      if (!isEngramError(error, "SCORES_INVALID") && !isEngramError(error, "RELAY_NO_BLOCK")) throw error;
      this.#services.logger.error({ roundId: round.roundId, code: error.code }, "a round cannot be relayed");
    }
  }
}

type Ended = Exclude<Agreement, { readonly kind: "waiting" }>;
