import { isEngramError } from "../../../crypto/errors.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import { untilAborted } from "../../runtime/until-aborted.ts";
import type { KeyShares } from "../key-shares/key-shares.ts";
import type { ClientStatus, Hit, MemoryId, PublicEvidence, QueryInput, ReplicaState } from "../memory.ts";
import type { ReplicationContext } from "../open-client.ts";
import type { EvidenceRequest, Replication } from "../replication-port.ts";
import type { MinerSharing } from "../sharing/miner-sharing.ts";
import { EMBEDDED_MINER } from "../store/journal-rows.ts";
import type { Auditor } from "./auditor.ts";
import { runLane } from "./delivery-lane.ts";
import type { MinerDirectory, MinerView } from "./miner-directory.ts";
import { type PlacementPolicy, privateHolders, publicHolders, replicaState } from "./placement.ts";
import { gatherEvidence } from "./public-evidence.ts";
import { recallPublic } from "./public-recall.ts";
import { PushTraces } from "./push-traces.ts";
import { assignRecords, walkedTo } from "./record-assigner.ts";
import type { RecordBuilder } from "./record-builder.ts";
import { recallRemotely } from "./remote-recall.ts";

/** What replication works with; made when there is first something to do. */
export interface ReplicationParts {
  readonly directory: MinerDirectory;
  readonly builder: RecordBuilder;
  readonly sr25519: Sr25519;
}

export interface ReplicatorOptions {
  readonly context: ReplicationContext;
  readonly policy: PlacementPolicy;
  readonly parts: () => Promise<ReplicationParts>;
  readonly keyShares: KeyShares;
  readonly auditor: Auditor;
  readonly sharing: MinerSharing;
  readonly close: () => Promise<void>;
}

const TASK = "push";
/** Miners are looked at again after so long. */
const LOOK_EVERY_MS = 60_000;
/** Rows that another process journalled, or that fell due, are noticed this late at most. */
const POLL_MS = 1_000;

/** The embedded miner works while nobody stores: it shares this process, and its copy counts for nothing. */
const QUIET_MS = 1_000;

/** Pushes what the journal holds, deletes what was forgotten, and asks miners about the public space. */
export class Replicator implements Replication {
  readonly keyShares: KeyShares;
  readonly audits: Auditor;
  readonly sharing: MinerSharing;
  readonly #options: ReplicatorOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #traces = new PushTraces();
  #loop: Promise<void> | undefined;
  #woken = Promise.withResolvers<void>();
  #wokenAt = 0;
  #settling = 0;
  #passing: Promise<boolean> | undefined;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.keyShares = options.keyShares;
    this.audits = options.auditor;
    this.sharing = options.sharing;
    this.#signal = AbortSignal.any([this.#stop.signal, options.context.signal]);
  }

  wake(stored: readonly MemoryId[] = []): void {
    this.#traces.note(stored);
    this.#wokenAt = this.#options.context.clock.now();
    this.#woken.resolve();
    this.#loop ??= this.#run();
    this.audits.start();
    this.sharing.start();
  }

  async replicas(ids?: readonly MemoryId[]): Promise<ReplicaState & { readonly note?: string }> {
    const views = await this.#views();
    const hotkeys = views.filter(isRemote).map(({ miner }) => miner.hotkey);
    const copies = await this.#options.context.store.call("copies", { hotkeys, ...(ids ? { ids } : {}) });
    const holders = copies.allPublic ? publicHolders(views) : privateHolders(views, this.#options.policy);
    const state = replicaState(holders, copies.have);
    return state.possible === 0 ? { ...state, note: "local only" } : state;
  }

  async impossibleDeletes(ids: readonly MemoryId[]): Promise<number> {
    const deleters = (await this.#views()).map(({ miner }) => miner.hotkey);
    return this.#options.context.store.call("impossibleDeletes", { ids, deleters });
  }

  async miners(): Promise<ClientStatus["miners"]> {
    const { directory } = await this.#options.parts();
    if (!(await directory.load()).some(isRemote)) return [];
    const fresh = this.#options.context.clock.now() - directory.lookedAt < LOOK_EVERY_MS;
    const views = fresh ? directory.views : await directory.refresh(this.#signal);
    return views.filter(isRemote).map(({ miner, reachable, trusted, caps }) => ({
      hotkey: miner.hotkey,
      url: miner.url,
      reachable: reachable && trusted,
      caps,
    }));
  }

  async publicRecall(query: QueryInput & { readonly limit: number }, signal?: AbortSignal): Promise<readonly Hit[]> {
    const { embedder, chain, clock } = this.#options.context;
    const { directory, sr25519 } = await this.#options.parts();
    if (!(await directory.load()).some(isRemote)) return [];
    if (directory.lookedAt === 0) await directory.refresh(this.#signal);
    const stop = AbortSignal.any([this.#signal, ...(signal ? [signal] : [])]);
    return recallPublic(
      query,
      { views: publicHolders(directory.views).filter(isRemote), embedder, sr25519, chain: chain(), clock },
      stop,
    );
  }

  async remoteRecall(query: QueryInput & { readonly limit: number }, signal?: AbortSignal): Promise<readonly Hit[]> {
    const { store, embedder, clock } = this.#options.context;
    const all = await store.call("searchedRemotely", null);
    const wanted = all.filter(({ name }) => query.namespaces?.includes(name) ?? true);
    if (wanted.length === 0) return [];
    const { directory, builder } = await this.#options.parts();
    if (directory.lookedAt === 0 && (await directory.load()).some(isRemote)) await directory.refresh(this.#signal);
    const views = privateHolders(reachable(directory.views), this.#options.policy).filter(isRemote);
    const namespaces = wanted.map(({ id, ...one }) => ({
      name: one.name,
      access: builder.access({ row: id, ...one }),
    }));
    const stop = AbortSignal.any([this.#signal, ...(signal ? [signal] : [])]);
    return recallRemotely(query, { namespaces, views, embedder, clock }, stop);
  }

  async publicEvidence(request: EvidenceRequest, signal?: AbortSignal): Promise<readonly PublicEvidence[]> {
    const { store, embedder, chain, clock, wallet } = this.#options.context;
    const { directory, sr25519 } = await this.#options.parts();
    const views = async () => {
      if (directory.lookedAt === 0 && (await directory.load()).some(isRemote)) await directory.refresh(this.#signal);
      return publicHolders(directory.views).filter(isRemote);
    };
    const { hotkey } = await wallet();
    const stop = AbortSignal.any([this.#signal, ...(signal ? [signal] : [])]);
    return gatherEvidence(request, { views, author: hotkey, store, embedder, sr25519, chain: chain(), clock }, stop);
  }

  async settle(signal?: AbortSignal): Promise<void> {
    this.wake();
    const stop = AbortSignal.any([this.#signal, ...(signal ? [signal] : [])]);
    // A pass that began before the call may not have seen everything; another process may be at it.
    await untilAborted(Promise.allSettled([this.#passing]), stop);
    this.#settling += 1;
    try {
      while (!(await untilAborted(this.#pass(), stop))) await this.#options.context.clock.sleep(100, stop);
    } finally {
      this.#settling -= 1;
    }
    stop.throwIfAborted();
  }

  async #views(): Promise<readonly MinerView[]> {
    return (await this.#options.parts()).directory.load();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options.context;
    while (!this.#signal.aborted) {
      this.#woken = Promise.withResolvers<void>();
      try {
        if (await this.#isDue()) await this.#pass();
      } catch (error) {
        if (this.#signal.aborted) return;
        log.warn(
          { task: TASK, code: isEngramError(error) ? error.code : "UNKNOWN" },
          "replication failed; trying later",
        );
      }
      const over = new AbortController();
      const rest = AbortSignal.any([this.#signal, over.signal]);
      await Promise.race([this.#woken.promise, clock.sleep(POLL_MS, rest).catch(() => undefined)]);
      over.abort();
    }
  }

  #isBusy(): boolean {
    return this.#settling === 0 && this.#options.context.clock.now() - this.#wokenAt < QUIET_MS;
  }

  /** Cheap reads only: most of the time there is nothing to do. */
  async #isDue(): Promise<boolean> {
    const { store, clock } = this.#options.context;
    const { directory } = await this.#options.parts();
    const now = clock.now();
    if (this.#isBusy() && !(await directory.load()).some(isRemote)) return false;
    if (now - directory.lookedAt >= LOOK_EVERY_MS) return true;
    const after = await walkedTo(directory.views, { store, policy: this.#options.policy });
    const hotkeys = reachable(directory.views).map(({ miner }) => miner.hotkey);
    const own = await this.#idleOwnMiner();
    return store.call("journalWaits", { after, hotkeys: own === null ? hotkeys : [...hotkeys, own], now });
  }

  /** The hotkey of the embedded miner while remote ones keep it off; null when it is on, or never was. */
  async #idleOwnMiner(): Promise<string | null> {
    const { directory } = await this.#options.parts();
    if (directory.views.some((view) => view.miner.embedded)) return null;
    return this.#options.context.store.call("readValue", EMBEDDED_MINER);
  }

  /** The miners to work at: those that answer, and the embedded one for what it is still owed (deletes above all). */
  async #lanes(signal: AbortSignal): Promise<readonly MinerView[]> {
    const { directory } = await this.#options.parts();
    const lanes = reachable(directory.views);
    const { store, clock } = this.#options.context;
    const own = await this.#idleOwnMiner();
    if (own === null || !(await store.call("deliveriesWait", { hotkeys: [own], now: clock.now() }))) return lanes;
    const view = await directory.lookAtOwn(signal);
    return view?.miner.hotkey === own ? [...lanes, view] : lanes;
  }

  /** One pass at a time in this process; false when another process is at it. */
  #pass(): Promise<boolean> {
    this.#passing ??= this.#work().finally(() => {
      this.#passing = undefined;
    });
    return this.#passing;
  }

  async #work(): Promise<boolean> {
    const { context, policy } = this.#options;
    const { store, leases, clock, embedder } = context;
    const { directory, builder } = await this.#options.parts();
    return leases.run(TASK, this.#signal, async (lease) => {
      if (clock.now() - directory.lookedAt >= LOOK_EVERY_MS) await directory.refresh(lease.signal);
      await store.call("reclaim", { now: clock.now() });
      await store.call("describeNamespaces", { now: clock.now() });
      const deps = { store, builder, clock, policy, profile: embedder.profile, traces: this.#traces };
      await assignRecords(directory.views, deps, lease);
      const lanes = await Promise.allSettled(
        (await this.#lanes(lease.signal)).map(async (view) => {
          const isPaused = () => view.miner.embedded && this.#isBusy();
          const { silent } = await runLane(view, { ...deps, isPaused }, lease);
          if (silent) directory.markSilent(view.miner.hotkey);
        }),
      );
      const failed = lanes.find((lane) => lane.status === "rejected");
      if (failed) throw failed.reason;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("replication is stopping"));
    this.#woken.resolve();
    await this.audits[Symbol.asyncDispose]();
    await this.sharing[Symbol.asyncDispose]();
    await this.#loop;
    await this.#passing?.catch(() => undefined);
    await this.#options.close();
  }
}

function reachable(views: readonly MinerView[]): readonly MinerView[] {
  return views.filter((view) => view.reachable && view.trusted);
}

function isRemote({ miner }: MinerView): boolean {
  return !miner.embedded;
}
