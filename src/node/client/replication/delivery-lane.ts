import PQueue from "p-queue";
import { isEngramError } from "../../../crypto/errors.ts";
import type { EmbeddingProfile } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import { inSpan } from "../../runtime/tracing.ts";
import type { Lease } from "../leases.ts";
import type { DeliveryResult, DueDelivery } from "../store/delivery-statements.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import { nextAttemptAt, type Outcome } from "./delivery-policy.ts";
import { readJournalBody } from "./journal-body.ts";
import type { MinerView } from "./miner-directory.ts";
import { type PlacementPolicy, privateHolders } from "./placement.ts";
import type { PushTraces } from "./push-traces.ts";
import type { RecordBuilder } from "./record-builder.ts";
import { pushPrivate, pushPublic, removeRecord } from "./record-sender.ts";

export interface LaneDeps {
  readonly store: MemoryStore;
  readonly builder: RecordBuilder;
  readonly clock: Clock;
  readonly profile: EmbeddingProfile;
  readonly policy: PlacementPolicy;
  readonly traces: PushTraces;
  /** Looked at before each batch: what is left waits for the next round. */
  readonly isPaused: () => boolean;
}

/** Claimed at once: small enough that a killed process leaves few attempts to ask after. */
const BATCH = 16;
const CONCURRENCY = 4;

/**
 * Works off what is due at one miner, a batch at a time: claimed (and counted as an attempt) before anything is sent,
 * settled in one write after all of it. A batch ends before the next begins, so that a delete never overtakes the push
 * of the same record. Ends early (`silent`) when the miner stops answering.
 */
export async function runLane(view: MinerView, deps: LaneDeps, lease: Lease): Promise<{ readonly silent: boolean }> {
  const queue = new PQueue({ concurrency: view.miner.embedded ? 1 : CONCURRENCY });
  const { hotkey } = view.miner;
  while (!lease.signal.aborted && !deps.isPaused()) {
    const due = await deps.store.call("claim", { hotkey, limit: BATCH, now: deps.clock.now() });
    if (due.length === 0) break;
    await lease.check();
    let silent = false;
    const results = await Promise.all(
      due.map((delivery) =>
        queue.add(async () => {
          // What is not sent after the miner fell silent costs no deadline; it is asked for again later.
          const outcome = silent ? SILENT : await deliverTraced(view, delivery, deps, lease.signal);
          if (outcome.kind === "later" && !outcome.reachable) silent = true;
          return resultOf(delivery, hotkey, outcome, deps.clock.now());
        }),
      ),
    );
    await deps.store.call("settle", { results });
    if (silent) return { silent };
  }
  return { silent: false };
}

const SILENT: Outcome = { kind: "later", reason: "the miner does not answer", uncertain: false, reachable: false };

function deliverTraced(view: MinerView, due: DueDelivery, deps: LaneDeps, signal: AbortSignal): Promise<Outcome> {
  return inSpan({ name: `client.${due.task}`, origin: deps.traces.of(due.id) }, async (span) => {
    const outcome = await deliver(view, due, deps, signal);
    span.set({ "engram.outcome": outcome.kind, "engram.attempt": due.attempts });
    return outcome;
  });
}

async function deliver(view: MinerView, due: DueDelivery, deps: LaneDeps, signal: AbortSignal): Promise<Outcome> {
  const options = { attempts: due.attempts, signal };
  const access = deps.builder.accessOf(due);
  const isPublic = due.kind === "memory" && due.namespace.visibility === "public";
  if (due.task === "delete") {
    if (due.cid === null) return { kind: "impossible", reason: "the miner never said under which CID it has this" };
    return removeRecord(view, due.cid, isPublic ? undefined : access.wireName, options);
  }
  if (due.body === null) return { kind: "impossible", reason: "the memory was forgotten" };
  try {
    const body = readJournalBody(due.body);
    if (body.form === "public") return await pushPublic(view, body, deps.profile, options);
    const [holder] = privateHolders([view], deps.policy);
    // Pinned, but its hotkey did not sign at the last look: whoever answers there must not get it.
    if (!holder || !(view.verified || view.caps.length === 0)) return UNVERIFIED;
    return await pushPrivate(holder, access, body, options);
  } catch (error) {
    if (isEngramError(error, "JOURNAL_BROKEN")) return { kind: "impossible", reason: error.message };
    throw error;
  }
}

const UNVERIFIED: Outcome = {
  kind: "later",
  reason: "the miner does not sign its capabilities any more",
  uncertain: false,
  reachable: true,
};

function resultOf(due: DueDelivery, hotkey: string, outcome: Outcome, now: number): DeliveryResult {
  const about = { record: due.record, hotkey, task: due.task };
  if (outcome.kind === "done") return { ...about, outcome: "done", cid: outcome.cid };
  if (outcome.kind === "impossible") return { ...about, outcome: "impossible", error: outcome.reason };
  const nextAt = nextAttemptAt(now, due.attempts, outcome.retryAfterMs);
  return { ...about, outcome: "later", error: outcome.reason, nextAt };
}
