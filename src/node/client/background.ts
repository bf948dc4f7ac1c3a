import { isEngramError } from "../../crypto/errors.ts";
import type { Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { untilAborted } from "../runtime/until-aborted.ts";
import type { Lease, Leases } from "./leases.ts";
import type { MemoryStore } from "./store/memory-store.ts";
import type { VectorWriter } from "./vector-writer.ts";

const EVERY_MS = 30_000;
/** Younger memories are still being embedded by the process that stored them. */
const LEFT_OVER_AFTER_MS = 15_000;
const PAGE = 200;
const CHANGES_KEPT = 50_000;

export interface BackgroundDeps {
  readonly store: MemoryStore;
  readonly embedder: Embedder;
  readonly leases: Leases;
  readonly vectors: VectorWriter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The journal has new deletes. */
  readonly wake: () => void;
}

/** What a client does beside answering: deletes what is overdue (memories and unanswered approvals), embeds what a killed process left, prunes the log. */
export class Background {
  readonly #deps: BackgroundDeps;
  #running: Promise<unknown> | undefined;

  constructor(deps: BackgroundDeps) {
    this.#deps = deps;
  }

  /** Starts once; the loops end with the signal. */
  start(): void {
    // What a killed or ended process still owed its miners.
    if (!this.#running) this.#deps.wake();
    this.#running ??= Promise.all([
      this.#loop("expiry", () => this.forgetOverdue()),
      this.#loop("vectors", (round) => this.#embedLeftovers(round === 0 ? 0 : LEFT_OVER_AFTER_MS)),
    ]);
  }

  /** Resolves when the loops have ended; abort the signal first. */
  async stopped(): Promise<void> {
    await this.#running;
  }

  /** Deletes what expired; false when another process is at it. */
  async forgetOverdue(): Promise<boolean> {
    const { store, clock, leases, signal, wake } = this.#deps;
    return await leases.run("expiry", signal, async (lease) => {
      while (true) {
        const { deleted } = await store.call("forgetOverdue", { limit: PAGE, now: clock.now() });
        if (deleted.length > 0) wake();
        if (deleted.length < PAGE) break;
        await lease.check();
      }
      await store.call("expireApprovals", { now: clock.now() });
      await store.call("pruneChanges", { keep: CHANGES_KEPT });
      await lease.check();
      await store.call("compact", { force: false });
    });
  }

  /** Pieces of memories that have no vector yet. */
  async awaitingVectors(): Promise<number> {
    return await this.#deps.store.call("countAwaitingVectors", null);
  }

  /** Waits until every memory has its vector, or was refused one; embeds what no other process embeds. */
  async settleVectors(signal?: AbortSignal): Promise<void> {
    const { store, clock, vectors } = this.#deps;
    const stop = AbortSignal.any([this.#deps.signal, ...(signal ? [signal] : [])]);
    await untilAborted(vectors.idle(), stop);
    for (;;) {
      const before = await store.call("countAwaitingVectors", null);
      if (before === 0) return;
      stop.throwIfAborted();
      const ran = await untilAborted(this.#embedLeftovers(0), stop);
      const after = await store.call("countAwaitingVectors", null);
      // Tried and failed: the loop tries again; a caller must not wait for a model that does not work.
      if (ran && after >= before) return;
      if (!ran) await clock.sleep(100, stop);
    }
  }

  async #embedLeftovers(minAgeMs: number): Promise<boolean> {
    const { leases, signal } = this.#deps;
    return await leases.run("vectors", signal, (lease) => this.#embedPages(lease, minAgeMs));
  }

  async #embedPages(lease: Lease, minAgeMs: number): Promise<void> {
    const { store, clock } = this.#deps;
    const before = clock.now() - minAgeMs;
    await this.#embedAll(lease, (after) => store.call("awaitingVectors", { after, limit: PAGE, before }));
  }

  /** Page by page, each written before the next is read: whoever is killed loses a page of work at most. */
  async #embedAll(lease: Lease, pageAfter: (after: number) => Promise<readonly number[]>): Promise<void> {
    const { vectors } = this.#deps;
    for (let after = 0; ; ) {
      const pieces = await pageAfter(after);
      const last = pieces.at(-1);
      if (last === undefined) return;
      vectors.add("", pieces);
      await vectors.idle();
      await lease.check();
      after = last;
    }
  }

  /**
   * Makes the vectors of other models anew by the present one; `onProgress` hears how many are left. Resolves to how many
   * could not be made: those, and what a killed run left, are found by their words and taken up by the next.
   */
  async reindex(options: {
    readonly signal?: AbortSignal;
    readonly onProgress?: (left: number) => void;
  }): Promise<number> {
    const { store, embedder, leases, clock } = this.#deps;
    const signal = AbortSignal.any([this.#deps.signal, ...(options.signal ? [options.signal] : [])]);
    const { profile } = embedder;
    let last = Number.POSITIVE_INFINITY;
    const pageAfter = async (after: number) => {
      signal.throwIfAborted();
      const left = await store.call("countOfOtherProfiles", { profile });
      options.onProgress?.(left);
      // A page of which nothing was made: the model does not work now.
      if (left === last) return [];
      last = left;
      return await store.call("piecesOfOtherProfiles", { profile, after, limit: PAGE });
    };
    // Another process embeds what it stored, under the same lease: it is soon done.
    while (!(await leases.run("vectors", signal, (lease) => this.#embedAll(lease, pageAfter)))) {
      await clock.sleep(100, signal);
    }
    return await store.call("countOfOtherProfiles", { profile });
  }

  async #loop(task: string, work: (round: number) => Promise<unknown>): Promise<void> {
    const { clock, signal, log } = this.#deps;
    for (let round = 0; !signal.aborted; round++) {
      try {
        await work(round);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ task, code: isEngramError(error) ? error.code : "UNKNOWN" }, "background work failed; trying later");
      }
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }
}
