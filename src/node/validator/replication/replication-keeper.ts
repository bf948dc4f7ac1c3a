import PQueue from "p-queue";
import { isEngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { type ServingMiner, servingMiners } from "../../chain/serving-miners.ts";
import { Auth2Caller } from "../../protocol/auth2-caller.ts";
import { PossessionCaller } from "../../protocol/possession-caller.ts";
import { reliability } from "../reputation.ts";
import type { ValidatorServices } from "../validator-context.ts";
import { HolderCalls } from "./holder-calls.ts";
import { type RepairContext, type RepairResult, repairRecord } from "./repair-record.ts";
import type { HealthCounts } from "./replica-health.ts";
import type { DueRecord, TrackedRecord } from "./store/replication-operations.ts";
import type { ReplicationStore } from "./store/replication-store.ts";

export interface ReplicationDeps
  extends Pick<
    ValidatorServices,
    "chain" | "store" | "identity" | "sr25519" | "http" | "clock" | "logger" | "signal" | "groundTruth"
  > {
  readonly copies: ReplicationStore;
  readonly metrics?: Pick<ValidatorServices["metrics"], "restored">;
}

/** What one sweep did. */
export interface SweepReport {
  /** Records that were due and looked at. */
  readonly looked: number;
  /** Copies brought to miners and proved there. */
  readonly restored: number;
  readonly health: HealthCounts;
}

/** Small sweeps, more often than the reference's (spec 3.7): miners limit the calls of a minute, scoring's among them. */
export const SWEEP_EVERY_MS = 120_000;
/** A sweep's work has an end, whatever the miners do; what it did not come to is due still. */
const SWEEP_MS = 120_000;
export const RECORDS_A_SWEEP = 8;
const RECORDS_AT_ONCE = 4;
/** A copy is asked for again before it stops counting (V-W19). */
export const RECHECK_MS = 24 * 3_600_000;
const CONFIRMATION_LIFE_MS = 48 * 3_600_000;
/** After a look that left copies missing; doubled each time. */
const FIRST_RETRY_MS = 300_000;
const LONGEST_RETRY_MS = 6 * 3_600_000;
const TRACKED_AT_ONCE = 500;
/** Records that end sooner are left alone. */
const SPARE_MS = 30 * 60_000;

/**
 * Looks after the copies of public records that this validator knows: who holds them, by challenge alone, and bringing
 * back what is missing. Its own loop, store and thread: scoring never waits for it (V-W31). Everything that counts is on
 * disk before it is acted on.
 */
export class ReplicationKeeper {
  readonly #deps: ReplicationDeps;
  #running: Promise<SweepReport> | undefined;
  #tracksGroundTruth = false;

  constructor(deps: ReplicationDeps) {
    this.#deps = deps;
  }

  /** Looks after these from now on. Those whose CID is not their content's are known by their CID alone. */
  async track(records: readonly TrackedRecord[]): Promise<void> {
    const { copies, clock } = this.#deps;
    await copies.call("track", { records, now: clock.now() });
  }

  /** What a scoring round's challenges showed of one miner. A failure is logged: the round goes on. */
  async noteChallenges(
    miner: Hotkey,
    shown: readonly { readonly cid: string; readonly isHeld: boolean }[],
  ): Promise<void> {
    const { copies, clock, logger } = this.#deps;
    if (shown.length === 0) return;
    try {
      await copies.call("noteCopies", { copies: shown.map((one) => ({ ...one, miner })), at: clock.now() });
    } catch (error) {
      logger.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "what a challenge showed could not be kept");
    }
  }

  async health(): Promise<HealthCounts> {
    const { copies, clock } = this.#deps;
    return await copies.call("health", { confirmedAfter: clock.now() - CONFIRMATION_LIFE_MS });
  }

  /** Sweeps until the signal aborts. A failure is logged, and never ends the validator. */
  async run(): Promise<void> {
    const { clock, logger, signal } = this.#deps;
    while (!signal.aborted) {
      // Not at once: a validator that starts has a round to measure first.
      await clock.sleep(SWEEP_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const { looked, restored, health } = await this.sweep();
        if (looked > 0) logger.info({ looked, restored, ...health }, "copies of public records were looked after");
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "a repair sweep failed");
      }
    }
  }

  /** One sweep; calls at the same time share it. Errors: the chain's, `STORE_…`, the signal's reason. */
  async sweep(): Promise<SweepReport> {
    this.#deps.signal.throwIfAborted();
    this.#running ??= this.#sweep().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** Resolves once no sweep is under way, however it ended. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #sweep(): Promise<SweepReport> {
    const { copies, clock, signal, metrics } = this.#deps;
    const miners = await this.#miners();
    await copies.call("expire", { now: clock.now() });
    // Without a single miner the chain was more likely misread than deserted: nobody's copies are dropped.
    if (miners.length === 0) return { looked: 0, restored: 0, health: await this.health() };
    await copies.call("depart", { present: miners.map(({ hotkey }) => hotkey), now: clock.now() });
    await this.#trackOwn();
    // Read last: what was brought up just now is due too.
    const now = clock.now();
    const confirmedAfter = now - CONFIRMATION_LIFE_MS;
    const due = await copies.call("due", { now, confirmedAfter, outlive: now + SPARE_MS, limit: RECORDS_A_SWEEP });
    const ends = AbortSignal.timeout(SWEEP_MS);
    const context = await this.#context(miners, AbortSignal.any([signal, ends]));
    const queue = new PQueue({ concurrency: RECORDS_AT_ONCE });
    const results = await queue.addAll(due.map((task) => () => this.#look(task, context, ends)));
    const done = results.filter((result) => result !== null);
    const restored = done.reduce((sum, result) => sum + result.restored, 0);
    metrics?.restored(restored);
    return { looked: done.length, restored, health: await this.health() };
  }

  /** Null when the sweep's time was over first. */
  async #look(task: DueRecord, context: RepairContext, ends: AbortSignal): Promise<RepairResult | null> {
    const { copies, clock, logger, signal } = this.#deps;
    if (ends.aborted) return null;
    try {
      const result = await repairRecord(task, context);
      if (result.missing > 0) {
        const { confirmed, missing, content } = result;
        logger.warn({ cid: task.cid, confirmed, missing, content }, "a record has too few copies");
      }
      await copies.call("plan", { cid: task.cid, ...this.#nextLook(task, result, clock.now()) });
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (ends.aborted) return null;
      throw error;
    }
  }

  #nextLook({ attempts }: DueRecord, { missing }: RepairResult, now: number) {
    if (missing === 0) return { nextAt: now + RECHECK_MS, attempts: 0 };
    return { nextAt: now + Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS), attempts: attempts + 1 };
  }

  /** Empty without a permit: who may not validate brings nothing to anybody. */
  async #miners(): Promise<readonly ServingMiner[]> {
    const { chain, identity } = this.#deps;
    const [{ neurons }, chainIdentity] = await Promise.all([chain.metagraph(), chain.identity()]);
    if (!neurons.some(({ hotkey, validatorPermit }) => hotkey === identity.hotkey && validatorPermit)) return [];
    return servingMiners(neurons, chainIdentity.startsWith("local:"));
  }

  async #context(miners: readonly ServingMiner[], signal: AbortSignal): Promise<RepairContext> {
    const { copies, store, clock, identity, groundTruth } = this.#deps;
    const reputations = new Map(
      (await store.call("miners", null)).map(({ hotkey, reputation }) => [
        hotkey,
        reputation && reliability(reputation),
      ]),
    );
    const caller = new Auth2Caller({ ...this.#deps, signer: identity });
    const calls = new Map<Hotkey, HolderCalls>();
    const possession = new PossessionCaller({ caller, hotkey: identity.hotkey, clock });
    return {
      miners,
      callsTo: (miner) => {
        const known = calls.get(miner.hotkey) ?? new HolderCalls({ ...this.#deps, possession, signal }, miner);
        calls.set(miner.hotkey, known);
        return known;
      },
      reliabilityOf: (hotkey) => reputations.get(hotkey) ?? 0,
      note: async (copy) => {
        await copies.call("noteCopies", { copies: [copy], at: clock.now() });
        // From now on rounds hold it against the miner when it loses this one.
        if (copy.isHeld && groundTruth.has(copy.cid)) await store.call("hold", { miner: copy.miner, cids: [copy.cid] });
      },
      freshAfter: clock.now() - RECHECK_MS,
    };
  }

  /** The ground truth once, and what rounds placed meanwhile: all of it can be restored from here (V-W26). */
  async #trackOwn(): Promise<void> {
    const { store, clock, groundTruth } = this.#deps;
    const groups = await store.call("canaryGroups", { outlive: clock.now() + SPARE_MS });
    const canaries = groups.flatMap(({ members, expiresAt }) => members.map((member) => ownRecord(member, expiresAt)));
    const entries = this.#tracksGroundTruth ? [] : Array.from(groundTruth.entries, (entry) => ownRecord(entry, null));
    const records = [...entries, ...canaries];
    for (let from = 0; from < records.length; from += TRACKED_AT_ONCE) {
      await this.track(records.slice(from, from + TRACKED_AT_ONCE));
    }
    this.#tracksGroundTruth = true;
  }
}

/** Of a record without metadata (spec 4.2). */
function ownRecord(
  { cid, embedding }: { readonly cid: string; readonly embedding: Float32Array },
  expiresAt: number | null,
): TrackedRecord {
  return { cid, content: { embedding, metadata: "{}" }, expiresAt };
}
