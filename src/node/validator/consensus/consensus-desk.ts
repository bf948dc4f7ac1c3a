import { verifyScoreVector } from "../../../crypto/consensus-message.ts";
import { openingHash, type RoundName, type ScoreOpening, verifyScoreCommit } from "../../../crypto/score-opening.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Metagraph } from "../../ports.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { MetagraphLooks } from "../metagraph-looks.ts";
import type { KeptRound } from "../store/validator-rows.ts";
import { roundIdOf, type ValidatorServices } from "../validator-context.ts";
import { type Electorate, electorateOf } from "./electorate.ts";
import { commitText, type NamedCommit, type OpeningMessage, openingText, readCommit } from "./round-messages.ts";

/** How far a vector's time may be from the receiver's (spec 9.3). */
export const VECTOR_TTL_MS = 600_000;

/**
 * Takes what other validators say of rounds, in two steps: a salted hash, then what it hid. Own scores are told to those
 * alone whose hash of that round is here, and not before this validator opens them to anybody.
 */
export class ConsensusDesk {
  readonly #services: ValidatorServices;
  readonly #looks: MetagraphLooks;
  #arrived = Promise.withResolvers<void>();

  constructor(services: ValidatorServices) {
    this.#services = services;
    const { chain, clock } = services;
    const isPermitted = (hotkey: Hotkey, metagraph: Metagraph) => this.electorate(metagraph).voters.has(hotkey);
    this.#looks = new MetagraphLooks({ chain, clock, isPermitted });
  }

  /** Whether `hotkey` had a voice when the chain was last looked at. */
  hadVoice(hotkey: Hotkey): boolean {
    return this.#looks.wasPermitted(hotkey);
  }

  /** Resolves with the next thing that is kept. */
  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  /**
   * Keeps a peer's commit and returns this validator's own of that round, where there is one. `sender` was
   * authenticated. Throws `Refusal`: what is not signed, not permitted, or of another chain, subnet or time is nobody's
   * voice (V-W21); a second commit is kept as evidence and refused.
   */
  async takeCommit(commit: NamedCommit, sender: Hotkey): Promise<string | null> {
    const { sr25519, store, clock } = this.#services;
    await this.#check(commit, commit.validatorHotkey, sender);
    if (!verifyScoreCommit(sr25519, commit)) throw new Refusal(401, "the signature is not the validator's");
    const { roundId, hash } = commit;
    const row = { roundId, validator: sender, hash, text: commitText(commit), now: clock.now() };
    const kept = await store.call("keepCommit", row);
    if (kept === "equivocated") {
      this.#report(sender, roundId);
    }
    if (kept === "equivocated" || kept === "again") {
      throw new Refusal(409, "another commit of this round came from this validator before");
    }
    if (kept === "new") this.#tell();
    return (await store.call("round", { roundId }))?.ownCommit || null;
  }

  /**
   * Keeps what a commit hid and returns this validator's own opening, once it opens that round at all. Throws `Refusal`
   * as `takeCommit` does, and 409 where no commit came before or another.
   */
  async takeOpening({ opening, sender: claimed, seen }: OpeningMessage, sender: Hotkey): Promise<string | null> {
    const { sr25519, clock, store } = this.#services;
    const { neurons } = await this.#check(opening, claimed, sender);
    const { vector, roundId } = opening;
    if (roundIdOf(vector.block) !== roundId) throw new Refusal(400, "the block is not of the round");
    if (Math.abs(clock.now() - vector.timestampMs) > VECTOR_TTL_MS) {
      throw new Refusal(400, "the scores are too far from this validator's clock; set the clock");
    }
    const uids = new Set(neurons.map(({ uid }) => uid));
    if (![...vector.scores.keys()].every((uid) => uids.has(uid))) {
      throw new Refusal(400, "a score is for an unknown uid");
    }
    if (!verifyScoreVector(sr25519, vector)) throw new Refusal(401, "the signature is not the validator's");
    const row = { roundId, validator: sender, hash: openingHash(opening), text: openingText(opening) };
    const kept = await store.call("keepOpening", row);
    if (kept === "differs" || kept === "no_commit") {
      throw new Refusal(
        409,
        kept === "differs" ? "it is not what the commit hid" : "send the commit of the round first",
      );
    }
    await this.#compare(seen, roundId);
    if (kept === "new") this.#tell();
    return await this.ownOpening(roundId);
  }

  /** This validator's opening with the commits it was given, while it may be told; null before. */
  async ownOpening(roundId: number): Promise<string | null> {
    const { store, clock } = this.#services;
    const round = await store.call("round", { roundId });
    if (round === null || round.ownCommit === "" || (round.openedAt === null && round.stage === "measured"))
      return null;
    // Whoever commits from here on may have heard it.
    await store.call("opened", { roundId, now: clock.now() });
    const { commits } = await store.call("heard", { roundId });
    const seen = commits.map(({ text }) => readCommit(text));
    return openingText(openingOf(await this.#nameOf(roundId), round), seen);
  }

  /** Who has a voice, by the metagraph given. */
  electorate({ neurons }: Pick<Metagraph, "neurons">): Electorate {
    const { identity, options } = this.#services;
    return electorateOf(neurons, identity.hotkey, options.minStakeTao);
  }

  /** Whoever committed to one thing here and to another elsewhere is found out by what others were given. */
  async #compare(seen: readonly NamedCommit[], roundId: number): Promise<void> {
    const { store, sr25519, clock } = this.#services;
    const { commits } = await store.call("heard", { roundId });
    const kept = new Map(commits.map(({ validator, text }) => [validator, readCommit(text)]));
    const name = await this.#nameOf(roundId);
    for (const commit of seen) {
      const known = kept.get(commit.validatorHotkey);
      if (!known || known.hash === commit.hash || !isOfRound(commit, name)) continue;
      if (!verifyScoreCommit(sr25519, commit)) continue;
      const { validatorHotkey: validator, hash } = commit;
      const row = { roundId, validator, hash, text: commitText(commit), now: clock.now(), known: true };
      if ((await store.call("keepCommit", row)) === "equivocated") this.#report(validator, roundId);
    }
  }

  #report(validator: Hotkey, roundId: number): void {
    const { logger, metrics } = this.#services;
    metrics.equivocation();
    logger.error({ validator, roundId }, "a validator said two things of one round; both are kept");
  }

  async #check(named: RoundName, claimed: Hotkey, sender: Hotkey): Promise<Metagraph> {
    const { identity } = this.#services;
    if (claimed !== sender || sender === identity.hotkey) {
      throw new Refusal(403, "validators speak for themselves alone");
    }
    if (!isOfRound(named, await this.#nameOf(named.roundId))) {
      throw new Refusal(400, "it is of another chain or subnet");
    }
    const metagraph = await this.#looks.for(sender);
    if (!this.electorate(metagraph).voters.has(sender)) {
      throw new Refusal(403, "only validators with a permit and enough stake have a voice");
    }
    if (Math.abs(named.roundId - roundIdOf(metagraph.block)) > 1) throw new Refusal(400, "the round is not at hand");
    return metagraph;
  }

  async #nameOf(roundId: number): Promise<RoundName> {
    const { chain, options } = this.#services;
    return { chain: await chain.identity(), netuid: options.netuid, roundId };
  }

  #tell(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}

/** The round as it is opened: the same however often it is made. */
export function openingOf(
  name: RoundName,
  { ownVector, measured, challenges, salt }: Pick<KeptRound, "ownVector" | "measured" | "challenges" | "salt">,
): ScoreOpening {
  return {
    ...name,
    vector: ownVector,
    latencies: new Map([...measured].map(([uid, { latencyMs }]) => [uid, latencyMs])),
    proofRates: new Map([...measured].map(([uid, { proofRate }]) => [uid, proofRate])),
    challenges: challenges ?? new Map(),
    salt,
  };
}

function isOfRound(one: RoundName, other: RoundName): boolean {
  return one.chain === other.chain && one.netuid === other.netuid && one.roundId === other.roundId;
}
