import { randomBytes } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import { shownName } from "../../crypto/namespace-name.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Archives } from "./archive/archives.ts";
import type { OpenedArchives } from "./archive/open-archives.ts";
import type { Audits } from "./audits.ts";
import type { Background } from "./background.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import type { KeyShares } from "./key-shares/key-shares.ts";
import { DEFAULT_NAMESPACE, LIMITS, PUBLIC_SHOWN_NAME } from "./limits.ts";
import type {
  ClientStatus,
  CopyAtMiner,
  DeleteResult,
  ListInput,
  Memory,
  MemoryClient,
  MemoryId,
  NamespaceInfo,
  NewNamespaceInput,
  Placement,
  PublicEvidence,
  PublicEvidenceInput,
  QueryInput,
  QueryResult,
  ReindexOptions,
  StoreInput,
  StoreResult,
} from "./memory.ts";
import { allPublic, checkItems, expiry, invalid, targetNamespace } from "./memory-input.ts";
import type { NamespaceKeeper } from "./namespace-keeper.ts";
import { unknownNamespace } from "./no-hits.ts";
import type { Recaller } from "./recaller.ts";
import type { Replication } from "./replication-port.ts";
import { assertNoSecrets } from "./secret-scan.ts";
import type { Sharing } from "./sharing/sharing.ts";
import type { Selection } from "./store/memory-operations.ts";
import type { MemoryStore } from "./store/memory-store.ts";
import type { StoreMemories } from "./store/store-memories.ts";
import type { VectorWriter } from "./vector-writer.ts";

/** A namespace is forgotten in slices, so that other writers get their turn. */
const FORGET_SLICE = 200;
const EXPORT_PAGE = 200;
const DEFAULT_PAGE = 50;

export interface LocalMemoryClientDeps {
  readonly store: MemoryStore;
  readonly namespaces: NamespaceKeeper;
  readonly recaller: Recaller;
  readonly vectors: VectorWriter;
  readonly background: Background;
  readonly replication: Replication;
  readonly archives: OpenedArchives;
  readonly clock: Clock;
  readonly readStatus: () => Promise<ClientStatus>;
  readonly close: () => Promise<void>;
}

/** The client on this machine's memory store: everything is durable here first, miners hear of it later. */
export class LocalMemoryClient implements MemoryClient {
  readonly #deps: LocalMemoryClientDeps;
  readonly #session: string;
  #closed: Promise<void> | undefined;

  constructor(options: { readonly session?: string }, deps: LocalMemoryClientDeps) {
    this.#session = options.session ?? `s_${randomBytes(6).toString("hex")}`;
    this.#deps = deps;
  }

  async store(input: StoreInput): Promise<StoreResult> {
    const { vectors, replication, clock } = this.#start();
    const namespace = targetNamespace(input);
    if (namespace === PUBLIC_SHOWN_NAME) await assertNoSecrets(input.items);
    const now = clock.now();
    const expiresAt = expiry(input, now);
    const { stored, pieces } = await this.#write({
      namespace,
      items: checkItems(input, this.#session),
      dedupe: input.dedupe ?? true,
      now,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(input.replaces === undefined ? {} : { replaces: input.replaces }),
    });
    vectors.add(namespace, pieces);
    const ids = stored.map(({ id }) => id);
    replication.wake(ids);
    const results = stored.map(({ id, deduped, parts }) => ({
      id,
      ...(deduped ? { deduped } : {}),
      ...(parts > 1 ? { parts } : {}),
    }));
    const { have, target, possible } = await replication.replicas(ids);
    return { stored: results, replicas: { have, target, possible } };
  }

  async #write(input: StoreMemories) {
    const { store, namespaces } = this.#deps;
    const first = await store.call("store", input);
    if (!first.namespaceMissing) return first;
    await namespaces.open(input.namespace);
    const second = await store.call("store", input);
    if (!second.namespaceMissing) return second;
    throw new EngramError("NAMESPACE_FAILED", "the namespace could not be made", { fix: "run `engram doctor`" });
  }

  async query(input: QueryInput, options: { readonly signal?: AbortSignal } = {}): Promise<QueryResult> {
    return await this.#start().recaller.query(input, options.signal);
  }

  async get(ids: readonly string[]) {
    const { store, clock } = this.#start();
    return await store.call("get", { ids: checkIds(ids), now: clock.now() });
  }

  async publicEvidence(
    { ids, query }: PublicEvidenceInput,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly PublicEvidence[]> {
    const { replication } = this.#start();
    const memories = allPublic(await this.get(ids));
    return await replication.publicEvidence(query === undefined ? { memories } : { memories, query }, options.signal);
  }

  async list(input: ListInput): Promise<{ readonly items: readonly Memory[]; readonly next?: string }> {
    const { store, clock } = this.#start();
    const { order = "newest", limit = DEFAULT_PAGE, filter } = input;
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.listPage) {
      throw invalid("`limit` is out of range", `ask for 1 to ${LIMITS.listPage} memories`);
    }
    const namespace = input.namespace === undefined ? undefined : await this.#known(input.namespace);
    const question = ["list", namespace, order, filter];
    const after = input.cursor === undefined ? undefined : readCursor(question, input.cursor, 1)[0];
    const page = await store.call("list", {
      order,
      limit,
      now: clock.now(),
      ...(namespace === undefined ? {} : { namespace }),
      ...(filter === undefined ? {} : { filter }),
      ...(after === undefined ? {} : { after }),
    });
    return page.next === undefined
      ? { items: page.items }
      : { items: page.items, next: writeCursor(question, [page.next]) };
  }

  async copies(id: MemoryId): Promise<readonly CopyAtMiner[]> {
    return await this.#start().store.call("copiesOf", { id });
  }

  async placement(): Promise<readonly Placement[]> {
    return await this.#start().store.call("placement", null);
  }

  async countForDelete(input: Selection): Promise<number> {
    const { store, clock } = this.#start();
    const selection = await this.#selection(input);
    return await store.call("countSelected", { ...selection, now: clock.now() });
  }

  async delete(input: Selection): Promise<DeleteResult> {
    const { store, replication, clock } = this.#start();
    const selection = await this.#selection(input);
    const forgotten =
      "ids" in selection
        ? await store.call("forgetIds", { ids: selection.ids, now: clock.now() })
        : await this.#forgetNamespace(selection.namespace);
    replication.wake();
    const impossible = await replication.impossibleDeletes(forgotten.deleted);
    const { deleted, missing, pending } = forgotten;
    return { deleted, missing, local: true, replicas: { deleted: 0, pending, impossible } };
  }

  async #forgetNamespace(namespace: string) {
    const { store, clock } = this.#deps;
    const deleted: MemoryId[] = [];
    let pending = 0;
    while (true) {
      const slice = await store.call("forgetNamespace", { namespace, limit: FORGET_SLICE, now: clock.now() });
      deleted.push(...slice.deleted);
      pending += slice.pending;
      if (slice.deleted.length < FORGET_SLICE) return { deleted, missing: [], pending };
    }
  }

  async namespaces(): Promise<readonly NamespaceInfo[]> {
    const { store, clock } = this.#start();
    return await store.call("namespaces", { now: clock.now() });
  }

  async createNamespace(input: NewNamespaceInput): Promise<NamespaceInfo> {
    const { namespaces } = this.#start();
    const { name } = await namespaces.create(input.name, {
      plainName: input.plainName ?? false,
      remoteSearch: input.remoteSearch ?? false,
    });
    const info = (await this.namespaces()).find((one) => one.name === name);
    if (info) return info;
    throw new EngramError("NAMESPACE_FAILED", "the namespace could not be made", { fix: "run `engram doctor`" });
  }

  async status(): Promise<ClientStatus> {
    return await this.#start().readStatus();
  }

  get archives(): Archives {
    return this.#start().archives;
  }

  get audits(): Audits | undefined {
    return this.#start().replication.audits;
  }

  get sharing(): Sharing | undefined {
    return this.#start().replication.sharing;
  }

  get keyShares(): KeyShares | undefined {
    return this.#start().replication.keyShares;
  }

  readonly approvals: MemoryClient["approvals"] = {
    request: async (argumentsHash, summary) => {
      const { store, clock } = this.#start();
      return await store.call("requestApproval", { argumentsHash, summary, now: clock.now() });
    },
    pending: async (code) => {
      const { store, clock } = this.#start();
      const summary = await store.call("pendingApproval", { code: code.trim().toLowerCase(), now: clock.now() });
      return summary === null ? null : { summary };
    },
    approve: async (code) => {
      const { store, clock } = this.#start();
      const summary = await store.call("approve", { code: code.trim().toLowerCase(), now: clock.now() });
      return summary === null ? null : { summary };
    },
    consume: async (argumentsHash) => {
      const { store, clock } = this.#start();
      return await store.call("consumeApproval", { argumentsHash, now: clock.now() });
    },
  };

  async *export(namespace?: string): AsyncIterable<Memory> {
    const { store, clock } = this.#start();
    const chosen = namespace === undefined ? {} : { namespace: await this.#known(namespace) };
    for (let after: number | undefined = 0; after !== undefined; ) {
      const order = "oldest" as const;
      const page: { readonly items: readonly Memory[]; readonly next?: number } = await store.call("list", {
        ...{ order, limit: EXPORT_PAGE, after, now: clock.now() },
        ...chosen,
      });
      yield* page.items;
      after = page.next;
    }
  }

  async settle(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { background, replication, archives } = this.#start();
    await keptAlive(async () => {
      await background.settleVectors(options.signal);
      await replication.settle(options.signal);
      await archives.settle(options);
    });
  }

  unembedded(): string | undefined {
    return this.#deps.vectors.lacking;
  }

  async reindex({ signal, onProgress }: ReindexOptions = {}): Promise<{ embedded: number; left: number }> {
    const { background } = this.#start();
    let total: number | undefined;
    const told = (waiting: number) => {
      total ??= waiting;
      onProgress?.(total - waiting, total);
    };
    const left = await keptAlive(() => background.reindex({ ...(signal ? { signal } : {}), onProgress: told }));
    return { embedded: (total ?? left) - left, left };
  }

  /** Nothing is opened before the first call; then what waits since the last run is taken up as well. */
  #start(): LocalMemoryClientDeps {
    if (this.#closed !== undefined) throw new EngramError("CLIENT_CLOSED", "the memory client was closed");
    this.#deps.background.start();
    this.#deps.archives.start();
    return this.#deps;
  }

  async #selection(input: Selection): Promise<Selection> {
    return "ids" in input ? { ids: checkIds(input.ids) } : { namespace: await this.#known(input.namespace) };
  }

  /** The shown name of a namespace that exists. Errors: `NAMESPACE_UNKNOWN`, with the name that was probably meant. */
  async #known(text: string): Promise<string> {
    const name = shownName(text);
    // These two are everybody's from the start, even before something is in them.
    if (name === DEFAULT_NAMESPACE || name === PUBLIC_SHOWN_NAME) return name;
    const known = (await this.namespaces()).map((one) => one.name);
    if (known.includes(name)) return name;
    throw new EngramError("NAMESPACE_UNKNOWN", unknownNamespace(name, known), {
      fix: "list the namespaces, or store something into it first",
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#deps.close();
    return this.#closed;
  }
}

/** What is waited for in `work` may rest on unreferenced timers: without this the process could end in between. */
async function keptAlive<T>(work: () => Promise<T>): Promise<T> {
  const alive = setInterval(() => undefined, 60_000);
  return await work().finally(() => clearInterval(alive));
}

function checkIds(ids: readonly string[]): readonly string[] {
  if (ids.length >= 1 && ids.length <= LIMITS.idsPerCall) return ids;
  throw invalid(`${ids.length} ids are out of range`, `name 1 to ${LIMITS.idsPerCall} memories`);
}
