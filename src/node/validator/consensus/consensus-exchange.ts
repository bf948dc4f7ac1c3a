import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Metagraph, MinerScore } from "../../ports.ts";
import { Auth2Caller, type Auth2Peer } from "../../protocol/auth2-caller.ts";
import { isCallable } from "../miner-address.ts";
import type { HeardRound } from "../store/consensus-operations.ts";
import type { KeptRound, Verdict } from "../store/validator-rows.ts";
import { ROUND_BLOCKS, type ValidatorServices } from "../validator-context.ts";
import { type ConsensusDesk, VECTOR_TTL_MS } from "./consensus-desk.ts";
import type { Electorate } from "./electorate.ts";
import { COMMIT_PATH, readAnswer, readCommit, readOpening, VECTOR_PATH } from "./round-messages.ts";
import { tally, type Voice } from "./tally.ts";

/** Every validator's round has the same half for commits: afterwards nobody is waited for (V-W23). */
const COMMIT_BLOCKS = ROUND_BLOCKS / 2;
const SEND_MS = 5_000;
const MAX_REPLY_BYTES = 1_048_576;

/** What came of asking the others. */
export type Agreement =
  | { readonly kind: "waiting" }
  | {
      readonly kind: Verdict;
      readonly scores: ReadonlyMap<number, MinerScore>;
      readonly agreeing: number;
      /** Voices that committed in time. */
      readonly speaking: number;
    };

/** Who of a round's peers was told what, in this process. */
interface Told {
  readonly roundId: number;
  readonly commit: Set<Hotkey>;
  readonly opening: Set<Hotkey>;
}

/**
 * Finds what the validators agree on, in two steps: all commit to their scores, then all open them. Nobody can copy
 * what another measured and pass for a voice: a commit that comes after the first opening has none.
 */
export class ConsensusExchange {
  readonly #services: ValidatorServices;
  readonly #desk: ConsensusDesk;
  readonly #caller: Auth2Caller;
  #told: Told = { roundId: -1, commit: new Set(), opening: new Set() };

  constructor(services: ValidatorServices, desk: ConsensusDesk) {
    const { identity: signer, sr25519, clock } = services;
    this.#services = services;
    this.#desk = desk;
    this.#caller = new Auth2Caller({ signer, sr25519, clock });
  }

  /** Brings the agreement on a measured round as far as it comes within the wait. */
  async agreeOn(round: KeptRound, metagraph: Metagraph): Promise<Agreement> {
    const { options, signal, store, clock } = this.#services;
    const { roundId } = round;
    const told = this.#toldOf(roundId);
    const electorate = this.#desk.electorate(metagraph);
    const peers = await this.#peers(electorate);
    const isOver = metagraph.block - roundId * ROUND_BLOCKS >= COMMIT_BLOCKS;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.agreementWaitMs)]);
    await this.#sendCommit(round, peers);
    if (round.openedAt === null) {
      // Who took the commit speaks our language, and is waited for; who does not answer is not.
      const heard = await this.#until(deadline, roundId, ({ commits }) => {
        const committed = new Set(commits.map(({ validator }) => validator));
        return [...told.commit].every((hotkey) => committed.has(hotkey));
      });
      const speaking = electorate.voices(onTime(heard)).size;
      if (!isOver && (!heard.holds || speaking < options.minAgreeing)) return { kind: "waiting" };
      if (heard.commits.length > 0) await store.call("opened", { roundId, now: clock.now() });
    }
    await this.#sendOpening(roundId, peers);
    const heard = await this.#until(deadline, roundId, (now) => {
      const opened = new Set(now.openings.map(({ validator }) => validator));
      return onTime(now).every((hotkey) => opened.has(hotkey));
    });
    return this.#judge(round, electorate, heard, { isOver, isComplete: heard.holds });
  }

  /** What a round came to that is past: nobody is asked any more. */
  async conclude(round: KeptRound, metagraph: Metagraph): Promise<Exclude<Agreement, { kind: "waiting" }>> {
    const heard = await this.#services.store.call("heard", { roundId: round.roundId });
    const electorate = this.#desk.electorate(metagraph);
    const agreement = this.#judge(round, electorate, heard, { isOver: true, isComplete: true });
    if (agreement.kind === "waiting") throw new TypeError("what is past is not waited for");
    return agreement;
  }

  #judge(
    round: KeptRound,
    electorate: Electorate,
    heard: HeardRound,
    { isOver, isComplete }: { readonly isOver: boolean; readonly isComplete: boolean },
  ): Agreement {
    const { minAgreeing } = this.#services.options;
    const inTime = new Set(onTime(heard));
    const openings = new Map(heard.openings.map(({ validator, text }) => [validator, text]));
    const speaking = electorate.voices(inTime).size;
    const voices = [...electorate.voices([...inTime].filter((hotkey) => openings.has(hotkey)))].map((hotkey) =>
      voiceOf(openings.get(hotkey) ?? ""),
    );
    const oldestMs = round.ownVector.timestampMs - VECTOR_TTL_MS;
    const { agreeing, scores } = tally({ scores: round.measured, challenges: round.challenges }, voices, oldestMs);
    if (agreeing >= minAgreeing) return { kind: "quorum", scores, agreeing, speaking };
    const own = { scores: round.measured, agreeing, speaking };
    if (speaking < minAgreeing) return isOver ? { kind: "alone", ...own } : { kind: "waiting" };
    return isComplete ? { kind: "refused", ...own } : { kind: "waiting" };
  }

  /** Waits until what was heard of a round is enough, or the wait is over. */
  async #until(deadline: AbortSignal, roundId: number, isEnough: (heard: HeardRound) => boolean) {
    const { store } = this.#services;
    const over = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve(), { once: true }));
    for (;;) {
      // Taken before looking, so that what comes in between is not missed.
      const { arrived } = this.#desk;
      const heard = await store.call("heard", { roundId });
      const holds = isEnough(heard);
      if (holds || deadline.aborted) return { ...heard, holds };
      await Promise.race([arrived, over]);
    }
  }

  async #sendCommit({ roundId, ownCommit }: KeptRound, peers: readonly Auth2Peer[]): Promise<void> {
    const { commit } = this.#toldOf(roundId);
    const missing = peers.filter(({ hotkey }) => !commit.has(hotkey));
    await this.#send(COMMIT_PATH, ownCommit, missing, async ({ hotkey }, inReturn) => {
      commit.add(hotkey);
      if (inReturn !== null) await this.#desk.takeCommit(readCommit(inReturn), hotkey);
    });
  }

  /** To those alone whose commit is here. */
  async #sendOpening(roundId: number, peers: readonly Auth2Peer[]): Promise<void> {
    const { opening } = this.#toldOf(roundId);
    const { commits } = await this.#services.store.call("heard", { roundId });
    const committed = new Set(commits.map(({ validator }) => validator));
    const missing = peers.filter(({ hotkey }) => committed.has(hotkey) && !opening.has(hotkey));
    const text = missing.length > 0 ? await this.#desk.ownOpening(roundId) : null;
    if (text === null) return;
    await this.#send(VECTOR_PATH, text, missing, async ({ hotkey }, inReturn) => {
      opening.add(hotkey);
      if (inReturn !== null) await this.#desk.takeOpening(readOpening(inReturn), hotkey);
    });
  }

  async #send(
    path: string,
    text: string,
    peers: readonly Auth2Peer[],
    take: (peer: Auth2Peer, inReturn: string | null) => Promise<void>,
  ): Promise<void> {
    const { http, logger, signal } = this.#services;
    const limits = { deadlineMs: SEND_MS, maxBytes: MAX_REPLY_BYTES, signal, carriesTrace: true };
    const sends = peers.map(async (peer) => {
      const reply = await this.#caller.post(http, peer, path, text, limits);
      if (reply.status === 200) await take(peer, readAnswer(reply.text));
      else
        logger.warn({ peer: peer.hotkey, path, status: reply.status }, "a validator refused what was said of a round");
    });
    const failed = (await Promise.allSettled(sends)).filter(({ status }) => status === "rejected").length;
    signal.throwIfAborted();
    if (failed > 0) logger.debug({ path, failed }, "validators could not be reached, or answered what does not count");
  }

  async #peers({ voters }: Electorate): Promise<readonly Auth2Peer[]> {
    const { chain, options } = this.#services;
    const isSimulated = (await chain.identity()).startsWith("local:");
    const configured = new Map(options.peers.map(({ hotkey, url }) => [hotkey, url]));
    return [...voters.values()].flatMap(({ hotkey, endpoint }) => {
      const url = configured.get(hotkey) ?? (endpoint !== null && isCallable(endpoint, isSimulated) ? endpoint : null);
      return url === null ? [] : [{ hotkey, url }];
    });
  }

  #toldOf(roundId: number): Told {
    if (this.#told.roundId !== roundId) this.#told = { roundId, commit: new Set(), opening: new Set() };
    return this.#told;
  }
}

/** Validators that committed before anybody could know this one's scores, and to one thing. */
function onTime({ commits, equivocated }: HeardRound): readonly Hotkey[] {
  return commits
    .filter(({ validator, late }) => !late && !equivocated.includes(validator))
    .map(({ validator }) => validator as Hotkey);
}

function voiceOf(text: string): Voice {
  const { vector, latencies, proofRates, challenges } = readOpening(text).opening;
  const scores = [...vector.scores].map(([uid, recall]) => {
    return [uid, { recall, latencyMs: latencies.get(uid) ?? null, proofRate: proofRates.get(uid) ?? 0 }] as const;
  });
  return { timestampMs: vector.timestampMs, scores: new Map(scores), challenges };
}
