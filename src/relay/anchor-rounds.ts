import { isEngramError } from "../crypto/errors.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { BlockRef, ChainClient } from "../node/ports.ts";
import type { Clock } from "../node/runtime/clock.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { type Anchor, type AnchorRule, anchorBytes, anchorState, needsAnchor } from "./anchor.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { Submission } from "./outbox/outbox-types.ts";

export interface RoundAnchorsDeps {
  readonly outbox: Pick<Outbox, "call">;
  readonly chain: Pick<ChainClient, "commitment" | "setCommitment" | "finalized" | "head" | "blockHash">;
  /** Whose commitment it is. */
  readonly hotkey: Hotkey;
  readonly rule: AnchorRule;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hears that a write has come to an end. */
  readonly onWritten: () => void;
}

/** `code` is what is waited for, or why no anchor can be written until a person acts. */
export type AnchorStep =
  | { readonly kind: "anchored" }
  | { readonly kind: "waits"; readonly code: string }
  | { readonly kind: "failed"; readonly code: string };

type Anchored = Pick<Submission, "job" | "roundId" | "outputHash" | "anchor" | "anchorSentAt" | "releasedAt">;

/** The chain includes a write within three minutes or never (`CHAIN_TIMEOUT`); until then it is looked for alone. */
const SENT_MS = 240_000;
/** A chain that says "too soon" without saying how soon is asked again then. */
const RATE_LIMIT_MS = 60_000;
/** Whose anchor is not there by then, a person looks at. */
const LONGEST_MS = 86_400_000;

const HOPELESS: Readonly<Record<string, string>> = {
  CHAIN_BALANCE: "anchor_no_funds",
  CHAIN_NOT_REGISTERED: "anchor_not_registered",
  CHAIN_KEY_MISSING: "anchor_no_key",
  CHAIN_COMMITMENT_INVALID: "anchor_refused",
  CHAIN_REFUSED: "anchor_refused",
  CHAIN_RUNTIME_UNSUPPORTED: "anchor_refused",
};

/**
 * Publishes this validator's relayed rounds as its commitment on the chain, each once (spec 14.3). A write is noted
 * before it is sent, and looked for on the chain before it is sent again; nobody waits for it, so that other
 * submissions go on. One at a time: a later round takes an earlier one's place, which stays readable at its block.
 */
export class RoundAnchors {
  readonly #deps: RoundAnchorsDeps;
  readonly #failed = new Map<string, string>();
  #writing: string | null = null;
  #restsUntil = 0;

  constructor(deps: RoundAnchorsDeps) {
    this.#deps = deps;
  }

  isDue({ outputType, chain }: Pick<Submission, "outputType" | "chain">): boolean {
    return outputType === "ranking" && needsAnchor(chain, this.#deps.rule);
  }

  /** How far a round's anchor is; begins to write it where there is none. Errors: those of the chain's reads. */
  async step(submission: Anchored): Promise<AnchorStep> {
    const { job, releasedAt } = submission;
    const { clock } = this.#deps;
    const failed = this.#failed.get(job);
    this.#failed.delete(job);
    if (failed !== undefined) return { kind: "failed", code: failed };
    const found = await this.#find(submission);
    if (found) return found;
    if (clock.now() - (releasedAt ?? clock.now()) > LONGEST_MS) return { kind: "failed", code: "anchor_late" };
    // Two writes in one block would leave the later one alone to be seen.
    if (this.#writing !== null || this.#isUnderWay(submission)) return { kind: "waits", code: "anchor" };
    if (clock.now() < this.#restsUntil) return { kind: "waits", code: "anchor_rate_limit" };
    await this.#note(job, null, clock.now());
    this.#writing = job;
    void this.#write(submission).finally(() => {
      this.#writing = null;
      this.#deps.onWritten();
    });
    return { kind: "waits", code: "anchor" };
  }

  #isUnderWay({ anchorSentAt }: Anchored): boolean {
    return anchorSentAt !== null && this.#deps.clock.now() - anchorSentAt < SENT_MS;
  }

  /** Its state where the chain shows it, as of the block that is noted or of the newest ones; null where it does not. */
  async #find(submission: Anchored): Promise<AnchorStep | null> {
    const { chain } = this.#deps;
    const { job, anchor, anchorSentAt } = submission;
    const finalized = await chain.finalized();
    if (anchor) {
      if (anchor.number > finalized.number) return { kind: "waits", code: "anchor_not_final" };
      const isThere = (await chain.blockHash(anchor.number)) === anchor.hash && (await this.#isAt(submission, anchor));
      if (isThere) return { kind: "anchored" };
      // A reorganisation took it away, or the chain no longer keeps that block's state.
      await this.#note(job, null, anchorSentAt);
    }
    for (const block of [finalized, await chain.head()]) {
      if (!(await this.#isAt(submission, block))) continue;
      await this.#note(job, block, null);
      return block === finalized ? { kind: "anchored" } : { kind: "waits", code: "anchor_not_final" };
    }
    return null;
  }

  async #isAt(anchor: Anchor, { number }: BlockRef): Promise<boolean> {
    const { chain, hotkey } = this.#deps;
    try {
      return (await anchorState(chain, hotkey, anchor, number)) === "anchored";
    } catch (error) {
      if (isEngramError(error, "CHAIN_HISTORY_GONE")) return false;
      throw error;
    }
  }

  async #note(job: string, anchor: BlockRef | null, sentAt: number | null): Promise<void> {
    await this.#deps.outbox.call("setAnchor", { job, anchor, sentAt });
  }

  /** Never throws: what is not written down here is found on the chain. */
  async #write(submission: Anchored): Promise<void> {
    const { chain, hotkey, clock, log } = this.#deps;
    const { job, roundId } = submission;
    try {
      const block = await chain.setCommitment(hotkey, anchorBytes(submission));
      log.info({ job, roundId, block: block.number }, "the round is anchored");
      await this.#note(job, block, null);
    } catch (error) {
      const code = isEngramError(error) ? error.code : "UNKNOWN";
      log.warn({ job, roundId, code }, "the round's anchor could not be written");
      const hopeless = HOPELESS[code];
      const isTooSoon = isEngramError(error, "CHAIN_RATE_LIMIT");
      if (hopeless !== undefined) this.#failed.set(job, hopeless);
      if (isTooSoon) this.#restsUntil = clock.now() + Math.max(error.retryAfterMs ?? 0, RATE_LIMIT_MS);
      // Refused by the chain's own word, it is on no way any more; of everything else nobody knows.
      if (hopeless !== undefined || isTooSoon) await this.#note(job, null, null).catch(() => undefined);
    }
  }
}
