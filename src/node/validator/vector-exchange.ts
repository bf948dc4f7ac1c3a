import { verifyScoreVector } from "../../crypto/consensus-message.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { MinerScore, Neuron } from "../ports.ts";
import { Auth2Caller, type Auth2Peer } from "../protocol/auth2-caller.ts";
import { Refusal } from "../protocol/refusal.ts";
import { tally, type Voice } from "./consensus/tally.ts";
import { isCallable } from "./miner-address.ts";
import type { KeptRound } from "./store/validator-rows.ts";
import { roundIdOf, type ValidatorServices } from "./validator-context.ts";
import {
  readVectorAnswer,
  VECTOR_PATH,
  type VectorMessage,
  vectorAnswerText,
  vectorMessageText,
} from "./vector-message.ts";

/** How far a vector's time may be from the receiver's, and how long it counts (spec 9.3, 9.4). */
const VECTOR_TTL_MS = 600_000;
const SEND_MS = 5_000;
const MAX_REPLY_BYTES = 65_536;

/** Tells other validators what was measured here, takes what they measured, and finds what all agree on (spec 9). */
export class VectorExchange {
  readonly #services: ValidatorServices;
  readonly #caller: Auth2Caller;
  #arrived = Promise.withResolvers<void>();

  constructor(services: ValidatorServices) {
    this.#services = services;
    const { identity: signer, sr25519, clock } = services;
    this.#caller = new Auth2Caller({ signer, sr25519, clock });
  }

  /**
   * Takes a peer's vector; durable when it resolves. `sender` was authenticated. Throws `Refusal`: what is not signed,
   * not permitted, of another chain or time, or says something else than before, is nobody's vote (V-W21, V-W24).
   */
  async accept({ chain, vector }: VectorMessage, sender: Hotkey): Promise<void> {
    const { identity, sr25519, clock, store } = this.#services;
    if (vector.validatorHotkey !== sender || sender === identity.hotkey) {
      throw new Refusal(403, "validators send their own scores alone");
    }
    if (chain !== (await this.#services.chain.identity())) throw new Refusal(400, "the scores are of another chain");
    if (!verifyScoreVector(sr25519, vector)) throw new Refusal(401, "the signature is not the validator's");
    if (Math.abs(clock.now() - vector.timestampMs) > VECTOR_TTL_MS) {
      throw new Refusal(400, "the scores are too far from this validator's clock; set the clock");
    }
    await this.#checkAgainstChain(vector);
    const kept = await store.call("keepVector", { roundId: roundIdOf(vector.block), vector });
    if (kept === "taken") throw new Refusal(409, "other scores of this round came from this validator before");
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  /**
   * The answer to a peer's vector: this validator's own of that round, once it has one. So whoever comes late to a
   * round hears those that are done with it.
   */
  async answer(block: number): Promise<string> {
    const { chain, store } = this.#services;
    const round = await store.call("round", { roundId: roundIdOf(block) });
    return vectorAnswerText(round && vectorMessageText(await chain.identity(), round.ownVector));
  }

  async #checkAgainstChain({ validatorHotkey, block, scores }: VectorMessage["vector"]): Promise<void> {
    const { chain } = this.#services;
    const { block: finalized, neurons } = await chain.metagraph();
    if (!neurons.some((neuron) => neuron.hotkey === validatorHotkey && neuron.validatorPermit)) {
      throw new Refusal(403, "only validators with a permit have a vote");
    }
    if (Math.abs(roundIdOf(block) - roundIdOf(finalized)) > 1) throw new Refusal(400, "the round is not at hand");
    const uids = new Set(neurons.map(({ uid }) => uid));
    if (![...scores.keys()].every((uid) => uids.has(uid))) throw new Refusal(400, "a score is for an unknown uid");
  }

  /** The round's scores with the recall that enough validators agree on; null when they did not within the wait. */
  async agreeOn(round: KeptRound, neurons: readonly Neuron[]): Promise<ReadonlyMap<number, MinerScore> | null> {
    const { chain, options, signal, store } = this.#services;
    const identity = await chain.identity();
    const peers = this.#peers(neurons, identity.startsWith("local:"));
    const sending = this.#send(round, identity, peers);
    const waiting = new AbortController();
    const deadline = AbortSignal.any([signal, waiting.signal, AbortSignal.timeout(options.agreementWaitMs)]);
    if (peers.length < options.minAgreeing) this.#endWithBlock(waiting, deadline);
    const over = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve(), { once: true }));
    try {
      for (;;) {
        // Taken before looking, so that a vector in between is not missed.
        const arrived = this.#arrived.promise;
        const agreed = this.#agreed(round, await store.call("vectors", { roundId: round.roundId }));
        if (agreed !== null || deadline.aborted) return agreed;
        await Promise.race([arrived, over]);
      }
    } finally {
      waiting.abort();
      await sending;
    }
  }

  /** Where too few can be asked so far, the next block may show more: as when all validators start at once. */
  #endWithBlock(waiting: AbortController, until: AbortSignal): void {
    const { chain } = this.#services;
    const next = chain.head().then(({ number }) => chain.waitForBlock(number + 1, until));
    next.then(() => waiting.abort()).catch(() => undefined);
  }

  #agreed(
    { measured, challenges }: KeptRound,
    vectors: readonly { readonly timestampMs: number; readonly scores: ReadonlyMap<number, number> }[],
  ) {
    const { options, clock } = this.#services;
    const voices = vectors.map(({ timestampMs, scores }): Voice => {
      const parts = [...scores].map(([uid, recall]) => [uid, { recall, latencyMs: null, proofRate: 0 }] as const);
      return { timestampMs, scores: new Map(parts), challenges: null };
    });
    const { agreeing, scores } = tally({ scores: measured, challenges }, voices, clock.now() - VECTOR_TTL_MS);
    if (agreeing < options.minAgreeing) return null;
    return new Map(
      [...measured].map(([uid, score]) => [uid, { ...score, recall: scores.get(uid)?.recall ?? score.recall }]),
    );
  }

  async #send({ ownVector }: KeptRound, identity: string, peers: readonly Auth2Peer[]): Promise<void> {
    const { http, logger, signal } = this.#services;
    const text = vectorMessageText(identity, ownVector);
    const limits = { deadlineMs: SEND_MS, maxBytes: MAX_REPLY_BYTES, signal };
    const sends = peers.map(async (peer) => {
      const reply = await this.#caller.post(http, peer, VECTOR_PATH, text, limits);
      if (reply.status !== 200) {
        logger.warn({ peer: peer.hotkey, status: reply.status }, "a validator refused our scores");
        return;
      }
      const answer = readVectorAnswer(reply.text);
      if (answer !== null) await this.accept(answer, peer.hotkey);
    });
    const failed = (await Promise.allSettled(sends)).filter(({ status }) => status === "rejected").length;
    if (failed > 0) logger.warn({ failed }, "validators could not be reached, or answered what does not count");
  }

  #peers(neurons: readonly Neuron[], isSimulated: boolean): readonly Auth2Peer[] {
    const { identity, options } = this.#services;
    const known = new Map<Hotkey, Auth2Peer>();
    for (const { hotkey, endpoint: url, validatorPermit } of neurons) {
      if (validatorPermit && url !== null && isCallable(url, isSimulated)) known.set(hotkey, { hotkey, url });
    }
    for (const peer of options.peers) known.set(peer.hotkey, peer);
    known.delete(identity.hotkey);
    return [...known.values()];
  }
}
