import PQueue from "p-queue";
import { PUBLIC_NAMESPACE, type VectorStore } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { ChainView } from "../chain-view.ts";
import type { MinerDeps } from "../miner-options.ts";
import type { DueCopy } from "./copy-operations.ts";
import { type CopyPlaces, copyPlaces } from "./copy-places.ts";
import { CopySender, type CopySenderDeps, type Sent } from "./copy-sender.ts";
import type { CopyStore } from "./copy-store.ts";
import { publicCopy } from "./public-copy.ts";

/** What looks after the copies of this miner's public records at others. */
export interface CopyKeeper {
  /** There is something new. */
  wake(): void;
  /** Before a public record is deleted here: its copies at others go after it. */
  takeBack(cid: string): Promise<void>;
  /** Copies still to be brought to others, or to be taken back there. */
  waiting(): Promise<number>;
}

export interface RecordPusherDeps extends CopySenderDeps {
  readonly store: VectorStore;
  readonly copies: CopyStore;
  readonly chainView: Pick<ChainView, "snapshot">;
  readonly identity: MinerDeps["identity"];
  /** Then nodes are on this machine, else public addresses alone are called. */
  readonly isSimulated: boolean;
  /** With so many waiting nothing is added: the walk goes on when there is room. Default 1,000. */
  readonly waitingLimit?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PAGE = 64;
const WAITING_LIMIT = 1_000;
const BATCH = 16;
const CONCURRENCY = 4;
/** Some 40 minutes for a push; after it the validators' repair is left. A day for what was deleted. */
const ATTEMPTS = { push: 10, remove: 32 } as const;
const PAUSE_MS = 30_000;
const GATHER_MS = 200;

/**
 * Pushes the public records that this miner holds first to the other miners they belong to (spec 9.7), and takes those
 * copies back when the record is deleted here (M-W36). It walks the store itself in the order of its rows and keeps how
 * far it came, so that whatever was acknowledged is pushed, by this process or the next. While nobody else serves, the
 * walk waits.
 */
export class RecordPusher implements CopyKeeper, AsyncDisposable {
  readonly #deps: RecordPusherDeps;
  readonly #sender: CopySender;
  readonly #stop = new AbortController();
  #woken = Promise.withResolvers<void>();
  #ended: Promise<void> | undefined;

  constructor(deps: RecordPusherDeps) {
    this.#deps = deps;
    this.#sender = new CopySender(deps);
  }

  start(): void {
    this.#ended ??= this.#loop(this.#stop.signal);
  }

  wake(): void {
    this.#woken.resolve();
  }

  async takeBack(cid: string): Promise<void> {
    await this.#deps.copies.call("takeBack", { cid, now: this.#deps.clock.now() });
  }

  async waiting(): Promise<number> {
    return (await this.#deps.copies.call("progress", null)).waiting;
  }

  /** One turn: what is new is assigned, what is due is sent. Returns whether there is more at once. */
  async round(signal: AbortSignal = this.#stop.signal): Promise<boolean> {
    const { chainView, identity, isSimulated } = this.#deps;
    const snapshot = await chainView.snapshot();
    if (snapshot === null) return false;
    const places = copyPlaces(snapshot.neurons, identity.hotkey, isSimulated);
    if (places.urls.size === 0) return false;
    const walked = await this.#walk(places);
    const sent = await this.#send(places, signal);
    return walked || sent;
  }

  /** Whether there was anything new. */
  async #walk(places: CopyPlaces): Promise<boolean> {
    const { store, copies, clock, waitingLimit = WAITING_LIMIT } = this.#deps;
    const { after, waiting } = await copies.call("progress", null);
    if (waiting >= waitingLimit) return false;
    const now = clock.now();
    const from = after === null ? {} : { after };
    const { records, last } = await store.list({ namespace: PUBLIC_NAMESPACE, limit: PAGE, now, ...from });
    if (last === null) return false;
    const found = records.flatMap((record) => publicCopy(record, places.isNeuron) ?? []);
    const assigned = found.flatMap(({ cid }) => places.othersFor(cid).map((hotkey) => ({ cid, hotkey })));
    await copies.call("assign", { copies: assigned, after: last, now });
    return true;
  }

  /** Whether a whole batch was due. Who does not answer is asked no more in this batch. */
  async #send(places: CopyPlaces, signal: AbortSignal): Promise<boolean> {
    const { copies, clock, logger } = this.#deps;
    const due = await copies.call("claim", { now: clock.now(), limit: BATCH });
    const queue = new PQueue({ concurrency: CONCURRENCY });
    const silent = new Set<string>();
    const one = async (copy: DueCopy) => {
      if (signal.aborted || silent.has(copy.hotkey)) return;
      const sent = await this.#sendOne(copy, places, signal);
      if (sent.silent) silent.add(copy.hotkey);
      const spent = sent.outcome === "later" && copy.attempts >= ATTEMPTS[copy.task];
      const outcome = spent ? "over" : sent.outcome;
      if (outcome !== "done") {
        logger.debug({ task: copy.task, hotkey: copy.hotkey, outcome, reason: sent.reason }, "a copy was not settled");
      }
      await copies.call("settle", { copy, outcome });
    };
    await queue.addAll(due.map((copy) => () => one(copy)));
    return due.length === BATCH;
  }

  async #sendOne(copy: DueCopy, places: CopyPlaces, signal: AbortSignal): Promise<Sent> {
    const { store, copies } = this.#deps;
    const url = places.urls.get(copy.hotkey);
    const record = await store.get(PUBLIC_NAMESPACE, copy.cid);
    if (copy.task === "remove") {
      if (record === null) return url === undefined ? GONE : this.#sender.remove(url, copy.cid, signal);
      await copies.call("keep", copy.cid);
      return { outcome: "later", reason: "the record was not deleted" };
    }
    // Read again: it may have been deleted or have expired since it was assigned.
    const pushable = record && publicCopy(record, places.isNeuron);
    if (!pushable) return { outcome: "over", reason: "the record is not here any more" };
    return url === undefined ? { outcome: "over", reason: GONE.reason } : this.#sender.push(url, pushable, signal);
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { logger } = this.#deps;
    while (!signal.aborted) {
      this.#woken = Promise.withResolvers();
      const more = await this.round(signal).catch((error: unknown) => {
        logger.warn({ code: error instanceof Error ? error.name : "unknown" }, "records could not be pushed on");
        return false;
      });
      if (!more) await this.#pause(signal);
    }
  }

  /** Until there is something new, and a little longer: more may be coming. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const woken = new AbortController();
    const slept = clock.sleep(PAUSE_MS, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    await Promise.race([slept, this.#woken.promise]);
    // Or each of many wakes would leave a timer behind.
    woken.abort();
    await clock.sleep(GATHER_MS, signal).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#ended;
  }
}

/** It may serve again: until then there is nobody to ask. */
const GONE = { outcome: "later", reason: "the miner does not serve any more" } as const satisfies Sent;
