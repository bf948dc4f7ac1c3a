import { contentId } from "../../../crypto/content-id.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import type { Archive } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Lease, Leases } from "../leases.ts";
import type { ArchiveState, DueArchive } from "../store/archive-operations.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { Spool } from "./spool.ts";

/** Blocks come every two minutes. */
const POLL_MS = 120_000;
const FIRST_RETRY_MS = 30_000;
const LAST_RETRY_MS = 3_600_000;
const ROUND_MS = 30_000;
const PER_ROUND = 20;
/** So many blocks deep nothing is taken back any more. */
const CONFIRMATIONS = 10;
/** A transaction names a block of at most about two hours ago; after a day it can no longer be mined. */
const EXPIRED_AFTER_MS = 24 * 3_600_000;

export interface UploaderDeps {
  readonly store: MemoryStore;
  readonly leases: Leases;
  readonly spool: Spool;
  /** The archive with its wallet; opened by the first upload. */
  readonly archive: () => Promise<Archive>;
  readonly dailyWinston: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Sends what waits, in one process at a time. A transaction is on disk before it is sent and sent unchanged until the
 * chain has it, so that neither a crash nor a lost answer pays twice; one that expired is not signed anew by itself,
 * because only a person can judge a gateway that says it knows nothing.
 */
export class Uploader {
  readonly #deps: UploaderDeps;
  #running: Promise<void> | undefined;
  #round: Promise<boolean> | undefined;
  #wake = new AbortController();

  constructor(deps: UploaderDeps) {
    this.#deps = deps;
  }

  /** Starts the loop once; it ends with the signal. */
  start(): void {
    this.#running ??= this.#loop();
  }

  wake(): void {
    this.start();
    this.#wake.abort();
  }

  async stopped(): Promise<void> {
    await this.#running;
  }

  /** Tries every due upload once; false when another process is at it. */
  async runOnce(): Promise<boolean> {
    while (this.#round !== undefined) await this.#round.catch(() => undefined);
    this.#round = this.#runLeased();
    try {
      return await this.#round;
    } finally {
      this.#round = undefined;
    }
  }

  async #runLeased(): Promise<boolean> {
    const { leases, signal, store, clock, spool } = this.#deps;
    return await leases.run("archive", signal, async (lease) => {
      await spool.sweep(new Set(await store.call("archivedCids", null)), clock.now());
      for (const upload of await store.call("archivesDue", { now: clock.now(), limit: PER_ROUND })) {
        await this.#try(upload, lease);
      }
    });
  }

  async #loop(): Promise<void> {
    const { signal, clock, log } = this.#deps;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const woken = AbortSignal.any([signal, this.#wake.signal]);
      try {
        await this.runOnce();
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ task: "archive", code: codeOf(error) }, "background work failed; trying later");
      }
      await clock.sleep(ROUND_MS, woken).catch(() => undefined);
    }
  }

  async #try(upload: DueArchive, lease: Lease): Promise<void> {
    const { memoryId, attempts } = upload;
    const { store, clock, log } = this.#deps;
    try {
      await lease.check();
      await this.#step(upload, lease);
    } catch (error) {
      if (lease.signal.aborted) throw error;
      const code = codeOf(error);
      log.warn({ task: "archive", code }, "an upload did not get on");
      const isFinal = code === "ARCHIVE_REFUSED" || code === "ARCHIVE_BYTES_LOST";
      const wait = Math.min(FIRST_RETRY_MS * 2 ** attempts, LAST_RETRY_MS);
      // Without a state it stays what it became meanwhile: what was signed in this step must never be signed again.
      const state = isFinal ? ({ state: "failed" } as const) : {};
      await store.call("archiveProgress", { memoryId, ...state, nextAt: clock.now() + wait, error: code });
    }
  }

  async #step(upload: DueArchive, lease: Lease): Promise<void> {
    if (upload.state === "waiting") await this.#sign(upload, lease);
    else if (upload.state === "signed") await this.#send(upload, lease);
    else await this.#follow(upload, lease);
  }

  async #sign({ memoryId, contentCid, tags, maxWinston }: DueArchive, lease: Lease): Promise<void> {
    const { store, spool, archive, clock, dailyWinston } = this.#deps;
    const bytes = await spool.read(contentCid);
    const signed = await (await archive()).sign(bytes, { tags, maxWinston, signal: lease.signal });
    await lease.check();
    const now = clock.now();
    const taken = await store.call("signArchive", { ...signed, memoryId, now, day: dayOf(now), dailyWinston });
    if (taken) await this.#send({ memoryId, contentCid, header: signed.header }, lease);
  }

  async #send(upload: Pick<DueArchive, "memoryId" | "contentCid" | "header">, lease: Lease): Promise<void> {
    const { spool, archive, store } = this.#deps;
    const bytes = await spool.read(upload.contentCid);
    const gateway = await archive();
    await lease.check();
    // What was forgotten meanwhile must not go out any more.
    if ((await store.call("archiveStateOf", upload.memoryId)) === null) return;
    await gateway.send({ header: upload.header ?? "" }, bytes, lease.signal);
    await this.#note(upload.memoryId, "sent");
  }

  async #follow(upload: DueArchive, lease: Lease): Promise<void> {
    const { archive, clock, spool } = this.#deps;
    const { memoryId, transactionId, contentCid, bytes, signedAt } = upload;
    const gateway = await archive();
    const found = await gateway.state(transactionId ?? "", lease.signal);
    if (found.state === "unknown") {
      if (clock.now() - (signedAt ?? 0) > EXPIRED_AFTER_MS) await this.#note(memoryId, "failed", "ARCHIVE_EXPIRED");
      else await this.#send(upload, lease);
      return;
    }
    if (found.state === "pending" || found.confirmations < CONFIRMATIONS) return await this.#note(memoryId, "sent");
    // Mined is not yet readable, and a gateway can say anything: the bytes themselves are the proof.
    const archived = await gateway.fetch(transactionId ?? "", { maxBytes: bytes, signal: lease.signal });
    if (contentId(archived) !== contentCid) return await this.#note(memoryId, "sent", "ARCHIVE_MANGLED");
    await this.#note(memoryId, "confirmed");
    await spool.remove(contentCid);
  }

  async #note(memoryId: string, state: ArchiveState, error?: string): Promise<void> {
    const { store, clock } = this.#deps;
    const nextAt = clock.now() + POLL_MS;
    await store.call("archiveProgress", { memoryId, state, nextAt, ...(error === undefined ? {} : { error }) });
  }
}

/** The UTC day, whose money an upload draws on. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

function codeOf(error: unknown): string {
  return isEngramError(error) ? error.code : "UNKNOWN";
}
