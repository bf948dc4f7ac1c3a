import type { EngramError } from "../../../crypto/errors.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { asIndexError, isMended } from "./index-errors.ts";
import type { IndexSync } from "./index-sync.ts";

export interface SyncLoopDeps {
  readonly sync: IndexSync;
  readonly logger: Logger;
  /** True while this process is the one of its folder that writes to the index. */
  readonly takeLock: () => boolean;
  /** Whether the journal was written to, or another process wants the index to be looked at. */
  readonly hasWork: () => boolean;
}

/** How often other processes' writes are looked for. */
const LOOK_MS = 250;
/** Writes that come together go together; searches know of them all the while. */
const GATHER_MS = 20;
/** After a failure; the calls themselves were repeated before. */
const PAUSE_MS = 1_000;
const PROBE_MS = 15_000;

/** Runs `IndexSync` whenever there is something to do, until it is disposed. */
export class SyncLoop implements AsyncDisposable {
  readonly #deps: SyncLoopDeps;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #nap = new AbortController();
  #turn = Promise.withResolvers<void>();
  #problem: EngramError | undefined;
  #outage: EngramError | undefined;
  #isOurs = false;
  #turns = 0;

  constructor(deps: SyncLoopDeps) {
    this.#deps = deps;
    this.#ended = this.#run();
  }

  /** What keeps the index from following; undefined while nothing does, or nothing that does not mend itself. */
  get problem(): EngramError | undefined {
    return isMended(this.#problem) ? undefined : this.#problem;
  }

  /** Why searches failed, until the index answers again: nobody else needs to wait for that. */
  get outage(): EngramError | undefined {
    return this.#outage;
  }

  /** Whether the index may be answered from, as far as this process can tell. */
  get isTrusted(): boolean {
    return this.#turns > 0 && (!this.#isOurs || this.#deps.sync.isVerified);
  }

  /** Something was written. */
  nudge(): void {
    this.#nap.abort();
  }

  /** A search failed: the index is asked until it answers. */
  report(outage: EngramError): void {
    if (this.#isOurs) this.#outage ??= outage;
    this.nudge();
  }

  /** Resolves when a turn has ended, or `ms` later. */
  async nextTurn(ms: number): Promise<void> {
    this.nudge();
    const late = new AbortController();
    await Promise.race([this.#turn.promise, nap(ms, late.signal)]);
    late.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let probed = Date.now();
    while (!signal.aborted) {
      this.#nap = new AbortController();
      const isProbeDue = (this.#problem ?? this.#outage) !== undefined || Date.now() - probed > PROBE_MS;
      if (isProbeDue) probed = Date.now();
      await this.#work(isProbeDue);
      this.#turns += 1;
      this.#turn.resolve();
      this.#turn = Promise.withResolvers<void>();
      if (this.#problem ?? this.#outage) await nap(PAUSE_MS, signal);
      else {
        await nap(LOOK_MS, AbortSignal.any([signal, this.#nap.signal]));
        await nap(GATHER_MS, signal);
      }
    }
  }

  async #work(isProbeDue: boolean): Promise<void> {
    const { sync, takeLock, hasWork, logger } = this.#deps;
    try {
      this.#isOurs = takeLock();
      if (!this.#isOurs) return;
      if (isProbeDue && sync.isVerified) {
        await sync.probe();
        this.#outage = undefined;
      }
      if (!sync.isVerified || hasWork()) await sync.catchUp(this.#stop.signal);
      if (this.#problem) logger.info("the vector index answers again");
      this.#problem = undefined;
      this.#outage = undefined;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const problem = asIndexError(error);
      if (problem.code !== this.#problem?.code) logger.warn({ code: problem.code, fix: problem.fix }, problem.message);
      this.#problem = problem;
    }
  }

  /** A call to the index that is under way is not waited for: the journal knows whether it is to be made again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const late = new AbortController();
    await Promise.race([this.#ended, nap(PAUSE_MS, late.signal)]);
    late.abort();
  }
}

async function nap(ms: number, signal: AbortSignal): Promise<void> {
  await systemClock.sleep(ms, signal).catch(() => undefined);
}
