import { isEngramError } from "../crypto/errors.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { Lease, Leases } from "../node/client/leases.ts";
import type { ChainClient } from "../node/ports.ts";
import type { Auth2Peer } from "../node/protocol/auth2-caller.ts";
import { inSpan, keptOrigin } from "../node/runtime/tracing.ts";
import { type AlertWebhook, sendAlert } from "./alert-webhook.ts";
import type { RoundAnchors } from "./anchor-rounds.ts";
import { type CosignCollector, collectCosignatures } from "./cosign/collect-cosignatures.ts";
import { votersOf } from "./cosign/electorate.ts";
import { COSIGN_PATH } from "./cosign/routes.ts";
import { votingPeers } from "./cosign/voting-peers.ts";
import { checkFinality } from "./finality.ts";
import type { Submission, SubmissionState } from "./outbox/outbox-types.ts";
import { type PayloadSigner, withCosignatures } from "./payload/sign-payload.ts";
import { countVotes, isQuorum, permittedSet } from "./quorum.ts";
import { raiseMemory } from "./raise-memory.ts";
import { known, release } from "./release.ts";
import { settleAttempt } from "./settle-attempt.ts";
import { endAs, type MoveDeps, moveTo, waitUntil } from "./submission-moves.ts";
import { type SubmitOutcome, type SubmitRequest, type Submitter, submit } from "./submit.ts";

export interface RelayWorkerDeps extends MoveDeps {
  readonly leases: Leases;
  readonly chain: ChainClient;
  readonly signer: PayloadSigner;
  readonly submitter: Submitter;
  readonly collector: CosignCollector;
  /** Absent: no round is anchored. */
  readonly anchors?: RoundAnchors | undefined;
  /** Signatures a ranking should have at least; one: whatever the receiver makes of this validator's own. */
  readonly quorumMin: number;
  /** Validators where the operator says they are; this counts more than what the chain says. */
  readonly peers: readonly Auth2Peer[];
  /** When this process began. */
  readonly since: number;
  /** Absent: failures are in log and metrics alone. */
  readonly webhook?: AlertWebhook | undefined;
  /** So long what has ended is kept whole. */
  readonly retentionMs?: number;
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
const FORGET_MS = 3_600_000;
const RETENTION_MS = 30 * 86_400_000;
/** As the receiver takes them (spec 14.3). */
const MAX_SUBMISSION_BYTES = 1_048_576;

/** Takes submissions from state to state, in one process at a time (design: background work). */
export class RelayWorker {
  readonly #deps: RelayWorkerDeps;
  #running: Promise<void> | undefined;
  #wake = new AbortController();
  #reconcileAt = 0;
  #forgetAt = 0;

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
      await this.#alert(lease.signal);
      await this.#reconcile();
      await this.#forget();
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

  /** Steps until the submission has to wait or has ended; nothing it does keeps others from their turn. */
  async #advance(job: string, lease: Lease): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    let state: SubmissionState | undefined;
    try {
      for (let more = true; more; ) {
        const submission = await outbox.call("find", { id: job });
        if (!submission) return;
        state = submission.state;
        more = await this.#step(submission, lease);
      }
    } catch (error) {
      lease.signal.throwIfAborted();
      const code = codeOf(error);
      // What is wrong with the entry itself will be wrong again; what is wrong around it passes.
      if (isContent(error)) return void (await endAs(this.#deps, { job }, "parked", code));
      log.warn({ job, state, code }, "a submission has to wait");
      await outbox.call("delay", { job, code, nextAt: clock.now() + AFTER_ERROR_MS });
    }
  }

  async #step(submission: Submission, lease: Lease): Promise<boolean> {
    switch (submission.state) {
      case "held":
        return (await this.#mayProceed(submission)) && (await this.#release(submission));
      case "ready":
        return await moveTo(this.#deps, submission, submission.assurance === "quorum" ? "cosigning" : "submitting");
      case "cosigning":
        return submission.outputType === "memory"
          ? await raiseMemory(this.#deps, submission, lease)
          : await this.#cosign(submission, lease);
      case "anchoring":
        // The commitment costs: nothing is anchored for a block that is gone.
        return (await this.#mayProceed(submission)) && (await this.#anchor(submission, lease));
      case "submitting":
        // The chain may have changed since it was signed: asked again right before sending (guide 4.4).
        return (await this.#mayProceed(submission)) && (await this.#submit(submission, lease));
      default:
        return false;
    }
  }

  async #mayProceed(submission: Submission): Promise<boolean> {
    const { chain, clock } = this.#deps;
    if ((await chain.identity()) !== submission.chain)
      return await endAs(this.#deps, submission, "orphaned", "other_chain");
    const finality = await checkFinality(chain, { number: submission.block, hash: submission.blockHash });
    if (finality === "orphaned") return await endAs(this.#deps, submission, "orphaned", "reorganised");
    if (finality === "waiting") await waitUntil(this.#deps, submission, "not_final", clock.now() + TICK_MS);
    return finality === "final";
  }

  async #release(submission: Submission): Promise<boolean> {
    const now = this.#deps.clock.now();
    const released = await release(this.#deps, submission, now);
    switch (released) {
      case "released":
        this.#deps.metrics?.waitedForFinality((now - submission.createdAt) / 1_000);
        return true;
      case "waits":
        await waitUntil(this.#deps, submission, "not_my_turn", now + TICK_MS);
        return false;
      case "taken":
      case "skipped":
      case "expired":
      case "forgotten":
        return await endAs(this.#deps, submission, "skipped", `round_${released}`);
      case "changed":
        return await endAs(this.#deps, submission, "skipped", "voters_changed");
      case "no_vote":
        return await endAs(this.#deps, submission, "skipped", "no_vote");
      case "no_permit":
        return await endAs(this.#deps, submission, "parked", "no_permit");
    }
  }

  /** Asks for signatures until the shared rule is met, or a minute has passed, or it cannot be met any more. */
  async #cosign(submission: Submission, lease: Lease): Promise<boolean> {
    const { outbox, collector, quorumMin, clock, signer } = this.#deps;
    const { job, block, body, cosignatures, polls, releasedAt } = submission;
    if (body === null) throw new TypeError("what is co-signed is signed");
    const metagraph = await known(this.#deps.chain.metagraph(block));
    // Nobody here knows any more who votes; the receiver kept it, and judges what there is.
    if (metagraph === null) {
      const isAnchored = cosignatures.length > 0 && this.#deps.anchors?.isDue(submission);
      return await moveTo(this.#deps, submission, isAnchored ? "anchoring" : "submitting");
    }
    const [voters, set] = [votersOf(metagraph.neurons), permittedSet(metagraph, 0)];
    const meets = (signers: readonly Hotkey[]) => isQuorum(countVotes(set, signers));
    const isEnough = (signers: readonly Hotkey[]) => signers.length >= quorumMin && (quorumMin === 1 || meets(signers));
    const have = [signer.hotkey, ...cosignatures.map((found) => found.validator_hotkey)];
    // Who was told that validators are missing asks on: the receiver may count otherwise than this relay.
    const next = (signers: readonly Hotkey[]) =>
      this.#deps.anchors?.isDue(submission) && meets(signers) ? "anchoring" : "submitting";
    if (polls === 0 && isEnough(have)) return await moveTo(this.#deps, submission, next(have));
    const peers = (await votingPeers(this.#deps, submission, voters)).filter(({ hotkey }) => !have.includes(hotkey));
    await lease.check();
    const asking = { path: COSIGN_PATH, body, peers, traceparent: submission.traceparent };
    const { found, lost } = await collectCosignatures(collector, asking, lease.signal);
    await outbox.call("addCosignatures", { job, found });
    const all = [...have, ...found.map(({ validator_hotkey }) => validator_hotkey)];
    if (isEnough(all)) return await moveTo(this.#deps, submission, next(all));
    const possible = voters.map(({ hotkey }) => hotkey).filter((hotkey) => !lost.includes(hotkey));
    // Validators sign once a round: who lost too many to other payloads can only wait for the next round (guide 4.3).
    if (!meets(possible)) return await endAs(this.#deps, submission, "skipped", "no_quorum");
    if (polls > 0 || clock.now() - (releasedAt ?? 0) >= COSIGN_MS)
      return await moveTo(this.#deps, submission, next(all));
    await waitUntil(this.#deps, submission, "quorum", clock.now() + TICK_MS);
    return false;
  }

  async #anchor(submission: Submission, lease: Lease): Promise<boolean> {
    const { anchors, clock } = this.#deps;
    if (!anchors) return await moveTo(this.#deps, submission, "submitting");
    await lease.check();
    const step = await anchors.step(submission);
    switch (step.kind) {
      case "anchored":
        return await moveTo(this.#deps, submission, "submitting");
      case "waits":
        await waitUntil(this.#deps, submission, step.code, clock.now() + TICK_MS);
        return false;
      case "failed":
        return await endAs(this.#deps, submission, "parked", step.code);
    }
  }

  async #submit(submission: Submission, lease: Lease): Promise<boolean> {
    const { outbox, submitter, clock, metrics } = this.#deps;
    const { job, signedHash, body, cosignatures, acceptNewTerms } = submission;
    if (signedHash === null || body === null) throw new TypeError("what is submitted is signed");
    const text = withCosignatures(body, cosignatures);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_SUBMISSION_BYTES) return await endAs(this.#deps, submission, "parked", "too_large");
    const startedAt = clock.now();
    const anchorBlock = submission.anchor?.number;
    await outbox.call("beginAttempt", { job, now: startedAt });
    await lease.check();
    const request = { signedHash, text, acceptNewTerms, anchorBlock, signal: lease.signal };
    const outcome = await submitTraced(submitter, request, submission);
    const code = outcome.http === null && "code" in outcome ? outcome.code : `${outcome.http}`;
    metrics?.attempted({ code, bytes, seconds: (clock.now() - startedAt) / 1_000 });
    const begun = { ...submission, firstSubmitAt: submission.firstSubmitAt ?? startedAt };
    await settleAttempt(this.#deps, begun, outcome);
    return false;
  }

  /** A webhook that does not answer hears of it again with the next tick. */
  async #alert(signal: AbortSignal): Promise<void> {
    const { outbox, webhook } = this.#deps;
    const { unsent } = await outbox.call("attempts", null);
    if (unsent === null) return;
    const { dlqPending } = await outbox.call("summary", null);
    if (!webhook || (await sendAlert(webhook, unsent, dlqPending, signal))) await outbox.call("alertSent", null);
  }

  async #forget(): Promise<void> {
    const { outbox, clock, retentionMs = RETENTION_MS } = this.#deps;
    if (clock.now() < this.#forgetAt) return;
    this.#forgetAt = clock.now() + FORGET_MS;
    await outbox.call("forgetEnded", { before: clock.now() - retentionMs });
    await outbox.call("forgetOldRounds", null);
    await outbox.call("forgetOldVouchings", null);
  }
}

/** Each attempt in the trace that the submission was queued in, however much later, and whichever process makes it. */
function submitTraced(
  submitter: Submitter,
  request: SubmitRequest,
  { traceparent, outputType, attempts }: Submission,
): Promise<SubmitOutcome> {
  const attributes = { "engram.output": outputType, "engram.attempt": attempts + 1 };
  const options = { name: "relay.submit", kind: "producer", attributes, origin: keptOrigin(traceparent) } as const;
  return inSpan(options, async (span) => {
    const outcome = await submit(submitter, request);
    span.set({ "engram.outcome": outcome.kind });
    if (outcome.kind === "rejected" || outcome.kind === "retry") span.fail(outcome.kind);
    return outcome;
  });
}

/** Errors of what an entry says, not of what is around it. */
const CONTENT = /^(SUBMISSION|PAYLOAD|OUTPUT|SCORES|JSON)_/;

function isContent(error: unknown): boolean {
  return isEngramError(error) && CONTENT.test(error.code);
}

function codeOf(error: unknown): string {
  return isEngramError(error) ? error.code : "UNKNOWN";
}
