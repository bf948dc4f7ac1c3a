import { isEngramError } from "../crypto/errors.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { Lease, Leases } from "../node/client/leases.ts";
import type { ChainClient, Neuron } from "../node/ports.ts";
import type { Auth2Peer } from "../node/protocol/auth2-caller.ts";
import type { Clock } from "../node/runtime/clock.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { isCallable } from "../node/validator/miner-address.ts";
import { type CosignCollector, collectCosignatures } from "./cosign/collect-cosignatures.ts";
import { votersOf } from "./cosign/electorate.ts";
import { MAX_ASK_MS } from "./cosign/proposer-order.ts";
import { COSIGN_PATH } from "./cosign/routes.ts";
import { checkFinality } from "./finality.ts";
import { isAtLeast } from "./gateway/submission.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { Submission, SubmissionState } from "./outbox/outbox-types.ts";
import { type PayloadSigner, withCosignatures } from "./payload/sign-payload.ts";
import { countVotes, isQuorum, permittedSet } from "./quorum.ts";
import type { Receipt } from "./receipt.ts";
import { release } from "./release.ts";
import { type SubmitOutcome, type Submitter, submit } from "./submit.ts";

export interface RelayWorkerDeps {
  readonly outbox: Pick<Outbox, "call">;
  readonly leases: Leases;
  readonly chain: ChainClient;
  readonly signer: PayloadSigner;
  readonly submitter: Submitter;
  readonly collector: CosignCollector;
  /** Signatures a ranking should have at least; one: whatever the receiver makes of this validator's own. */
  readonly quorumMin: number;
  /** Validators where the operator says they are; this counts more than what the chain says. */
  readonly peers: readonly Auth2Peer[];
  readonly clock: Clock;
  /** When this process began. */
  readonly since: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const TASK = "relay";
const TICK_MS = 5_000;
const BATCH = 50;
/** So long a proposer waits for co-signatures before it sends what it has (spec 14.2). */
const COSIGN_MS = 60_000;
/** What failed here and not at the receiver, mostly a chain that restarts: it counts as no attempt. */
const AFTER_ERROR_MS = 5_000;
const RECONCILE_MS = 60_000;
const FIRST_POLL_MS = 5_000;
const MAX_POLL_MS = 300_000;
const PENDING_LIMIT_MS = 86_400_000;
/** The receiver forgets by then what lacks validators (spec 14.2); the next rounds are no worse off. */
const QUORUM_LIMIT_MS = 3_600_000;

/** Takes submissions from state to state, in one process at a time (design: background work). */
export class RelayWorker {
  readonly #deps: RelayWorkerDeps;
  #running: Promise<void> | undefined;
  #wake = new AbortController();
  #reconcileAt = 0;

  constructor(deps: RelayWorkerDeps) {
    this.#deps = deps;
  }

  /** Starts once; ends with the signal. */
  start(): void {
    this.#running ??= this.#loop();
  }

  /** There is something new: do not wait for the next tick. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when the loop has ended; abort the signal first. */
  async stopped(): Promise<void> {
    await this.#running;
  }

  /** Everything that is due, once; false when another process is at it. */
  async tick(): Promise<boolean> {
    const { outbox, leases, clock, signal } = this.#deps;
    return await leases.run(TASK, signal, async (lease) => {
      for (const { job } of await outbox.call("due", { now: clock.now(), limit: BATCH })) {
        await lease.check();
        await this.#advance(job, lease);
      }
      await this.#reconcile();
    });
  }

  /** Gives the budget back what was never spent, and counts what was. */
  async #reconcile(): Promise<void> {
    const { submitter, clock, log } = this.#deps;
    if (clock.now() < this.#reconcileAt) return;
    this.#reconcileAt = clock.now() + RECONCILE_MS;
    try {
      await submitter.payer?.reconcile();
    } catch (error) {
      log.warn({ code: codeOf(error) }, "open payments could not be looked after; trying later");
    }
  }

  async #loop(): Promise<void> {
    const { clock, signal, log } = this.#deps;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        await this.tick();
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ code: codeOf(error) }, "the relay could not work; trying later");
      }
      await clock.sleep(TICK_MS, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  /** Steps until the submission has to wait or has ended. */
  async #advance(job: string, lease: Lease): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    for (let more = true; more; ) {
      const submission = await outbox.call("find", { id: job });
      if (!submission) return;
      try {
        more = await this.#step(submission, lease);
      } catch (error) {
        lease.signal.throwIfAborted();
        const code = codeOf(error);
        log.warn({ job, state: submission.state, code }, "a submission has to wait");
        return await this.#wait(submission, code, clock.now() + AFTER_ERROR_MS);
      }
    }
  }

  async #step(submission: Submission, lease: Lease): Promise<boolean> {
    switch (submission.state) {
      case "held":
        return (await this.#mayProceed(submission)) && (await this.#release(submission));
      case "ready":
        return await this.#move(submission, submission.assurance === "quorum" ? "cosigning" : "submitting");
      case "cosigning":
        return await this.#cosign(submission, lease);
      case "submitting":
        // The chain may have changed since it was signed: asked again right before sending (guide 4.4).
        return (await this.#mayProceed(submission)) && (await this.#submit(submission, lease));
      default:
        return false;
    }
  }

  async #mayProceed(submission: Submission): Promise<boolean> {
    const { chain, clock } = this.#deps;
    if ((await chain.identity()) !== submission.chain) return await this.#end(submission, "orphaned", "other_chain");
    const finality = await checkFinality(chain, { number: submission.block, hash: submission.blockHash });
    if (finality === "orphaned") return await this.#end(submission, "orphaned", "reorganised");
    if (finality === "waiting") await this.#wait(submission, "not_final", clock.now() + TICK_MS);
    return finality === "final";
  }

  async #release(submission: Submission): Promise<boolean> {
    const now = this.#deps.clock.now();
    const released = await release(this.#deps, submission, now);
    switch (released) {
      case "released":
        return true;
      case "waits":
        await this.#wait(submission, "not_my_turn", now + TICK_MS);
        return false;
      case "taken":
      case "skipped":
      case "expired":
        return await this.#end(submission, "skipped", `round_${released}`);
      case "changed":
        return await this.#end(submission, "skipped", "voters_changed");
      case "no_vote":
        return await this.#end(submission, "skipped", "no_vote");
      case "no_permit":
        return await this.#end(submission, "parked", "no_permit");
    }
  }

  /** Asks for signatures until the shared rule is met, or a minute has passed, or it cannot be met any more. */
  async #cosign(submission: Submission, lease: Lease): Promise<boolean> {
    const { outbox, collector, quorumMin, clock, signer } = this.#deps;
    const { job, block, body, cosignatures, polls, releasedAt } = submission;
    if (body === null) throw new TypeError("what is co-signed is signed");
    const metagraph = await this.#deps.chain.metagraph(block);
    const [voters, set] = [votersOf(metagraph.neurons), permittedSet(metagraph, 0)];
    const meets = (signers: readonly Hotkey[]) => isQuorum(countVotes(set, signers));
    const isEnough = (signers: readonly Hotkey[]) => signers.length >= quorumMin && (quorumMin === 1 || meets(signers));
    const have = [signer.hotkey, ...cosignatures.map((found) => found.validator_hotkey)];
    // Who was told that validators are missing asks on: the receiver may count otherwise than this relay.
    if (polls === 0 && isEnough(have)) return await this.#move(submission, "submitting");
    const peers = (await this.#peers(submission, voters)).filter(({ hotkey }) => !have.includes(hotkey));
    await lease.check();
    const { found, lost } = await collectCosignatures(collector, { path: COSIGN_PATH, body, peers }, lease.signal);
    await outbox.call("addCosignatures", { job, found });
    if (isEnough([...have, ...found.map(({ validator_hotkey }) => validator_hotkey)])) {
      return await this.#move(submission, "submitting");
    }
    const possible = voters.map(({ hotkey }) => hotkey).filter((hotkey) => !lost.includes(hotkey));
    // Validators sign once a round: who lost too many to other payloads can only wait for the next round (guide 4.3).
    if (!meets(possible)) return await this.#end(submission, "skipped", "no_quorum");
    if (polls > 0 || clock.now() - (releasedAt ?? 0) >= COSIGN_MS) return await this.#move(submission, "submitting");
    await this.#wait(submission, "quorum", clock.now() + TICK_MS);
    return false;
  }

  /**
   * The other voters of the block, where they are reached now: at the block some were not yet, or elsewhere. On a real
   * chain anybody writes an address there, so that of those no inner ones are called (V-W7).
   */
  async #peers(submission: Submission, voters: readonly Neuron[]): Promise<readonly Auth2Peer[]> {
    const { chain, signer, peers } = this.#deps;
    const isSimulated = submission.chain.startsWith("local:");
    const addresses = new Map<Hotkey, string>();
    for (const { hotkey, endpoint: url } of (await chain.metagraph()).neurons) {
      if (url !== null && isCallable(url, isSimulated)) addresses.set(hotkey, url);
    }
    for (const { hotkey, url } of peers) addresses.set(hotkey, url);
    addresses.delete(signer.hotkey);
    return voters.flatMap(({ hotkey }) => {
      const url = addresses.get(hotkey);
      return url === undefined ? [] : [{ hotkey, url }];
    });
  }

  async #submit(submission: Submission, lease: Lease): Promise<boolean> {
    const { outbox, submitter, clock } = this.#deps;
    const { job, signedHash, body, cosignatures, acceptNewTerms } = submission;
    if (signedHash === null || body === null) throw new TypeError("what is submitted is signed");
    await outbox.call("beginAttempt", { job, now: clock.now() });
    await lease.check();
    const text = withCosignatures(body, cosignatures);
    await this.#settle(submission, await submit(submitter, { signedHash, text, acceptNewTerms, signal: lease.signal }));
    return false;
  }

  async #settle(submission: Submission, outcome: SubmitOutcome): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    const { job, assurance, polls, firstSubmitAt } = submission;
    const now = clock.now();
    switch (outcome.kind) {
      case "delivered":
        if (!isReceiptOf(submission, outcome.receipt)) {
          const differs = { kind: "retry", code: "receipt_differs", http: outcome.http, retryAfterMs: 0 } as const;
          return await this.#settle(submission, differs);
        }
        await outbox.call("deliver", { job, receipt: outcome.receipt, http: outcome.http, now });
        return log.info({ job, sequence: outcome.receipt.gateway_seq }, "delivered");
      case "pending": {
        const waited = now - (firstSubmitAt ?? now);
        if (assurance === "quorum" && waited > QUORUM_LIMIT_MS)
          return void (await this.#end(submission, "skipped", "no_quorum"));
        if (waited > PENDING_LIMIT_MS) return void (await this.#end(submission, "parked", "expired"));
        const [state, longest] =
          assurance === "quorum" ? (["cosigning", MAX_ASK_MS] as const) : (["submitting", MAX_POLL_MS] as const);
        const nextAt = now + Math.max(outcome.retryAfterMs, Math.min(longest, FIRST_POLL_MS * 2 ** polls));
        return await outbox.call("pending", { job, state, nextAt, code: outcome.code, http: outcome.http });
      }
      case "rejected":
        return void (await this.#end(submission, "parked", outcome.code, outcome.http));
      case "postponed":
        return await this.#wait(submission, outcome.code, now + outcome.retryAfterMs);
      case "retry": {
        const { code, http, retryAfterMs } = outcome;
        const state = await outbox.call("failAttempt", { job, code, http, retryAfterMs, now });
        if (state === "abandoned") log.error({ job, code, http }, "abandoned after ten retries; engram relay replay");
        else log.warn({ job, code, http }, "the submission failed; trying again");
      }
    }
  }

  async #move(submission: Submission, state: SubmissionState): Promise<true> {
    const { outbox, clock } = this.#deps;
    await outbox.call("postpone", { job: submission.job, state, nextAt: clock.now(), code: null, http: null });
    return true;
  }

  async #wait({ job, state, lastHttpCode }: Submission, code: string, nextAt: number): Promise<void> {
    await this.#deps.outbox.call("postpone", { job, state, nextAt, code, http: lastHttpCode });
  }

  async #end(
    { job }: Submission,
    state: "parked" | "orphaned" | "skipped",
    code: string,
    http: number | null = null,
  ): Promise<false> {
    const { outbox, clock, log } = this.#deps;
    await outbox.call("end", { job, state, code, http, now: clock.now() });
    if (state === "parked") log.error({ job, code, http }, "parked: a person has to look; engram relay list");
    else log.warn({ job, code }, `${state}: it is not sent any more`);
    return false;
  }
}

/** A receipt for less than was sent, or on another chain, delivers nothing. */
function isReceiptOf({ outputHash, assurance, chain }: Submission, receipt: Receipt): boolean {
  return receipt.output_hash === outputHash && isAtLeast(receipt.assurance, assurance) && receipt.chain === chain;
}

function codeOf(error: unknown): string {
  return isEngramError(error) ? error.code : "UNKNOWN";
}
