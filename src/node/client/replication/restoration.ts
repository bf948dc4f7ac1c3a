import { z } from "zod";
import { type ShownName, shownName } from "../../../crypto/namespace-name.ts";
import { toPlain } from "../../../crypto/subnet-json.ts";
import type { Wallet } from "../../chain/wallet.ts";
import { type ChainClient, type Embedder, PUBLIC_NAMESPACE } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import { DEFAULT_NAMESPACE, PUBLIC_SHOWN_NAME } from "../limits.ts";
import type { MemoryId, Metadata } from "../memory.ts";
import { DIRECTORY_ROW } from "../store/journal-rows.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { RestoredMemory } from "../store/restore-memories.ts";
import type { HeldRecord } from "../store/restore-operations.ts";
import { writeJournalBody } from "./journal-body.ts";
import type { MinerView } from "./miner-directory.ts";
import {
  directoryAccess,
  type NamespaceAccess,
  type NamespaceDescription,
  namespaceAccess,
} from "./namespace-access.ts";
import { searchableVectors } from "./private-embedding.ts";
import { privateRecordFromJournal } from "./private-record.ts";
import { gatherAuthored } from "./public-gathering.ts";
import { type GatheredContent, type MinerYield, RecordGathering } from "./record-gathering.ts";

export interface RestoreProgress {
  readonly step: "miners" | "directory" | "namespace" | "public";
  /** The shown name of the namespace that was just done. */
  readonly namespace?: string;
  readonly namespaces: number;
  readonly memories: number;
}

export interface RestoreResult {
  readonly hotkey: string;
  readonly memories: number;
  readonly namespaces: number;
  /** Records that did not open, were not the owner's, or lacked a part. */
  readonly skipped: number;
  readonly miners: readonly MinerYield[];
}

const BATCH = 200;

const memorySchema = z.object({
  text: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  session: z.string(),
  seq: z.number().int(),
  at: z.number().int(),
  created: z.number().int(),
  speaker: z.string().optional(),
  expires: z.number().int().optional(),
  replaces: z.string().optional(),
  archive_key: z.string().optional(),
});
const tombstoneSchema = z.object({ cids: z.array(z.string()), at: z.number().int() });
const namespaceSchema = z.object({
  name: z.string(),
  epoch: z.number().int().min(0),
  plainName: z.boolean(),
  policy: z.object({ remote_search: z.boolean().optional() }).optional(),
});

interface RestorationDeps {
  readonly wallet: Wallet;
  readonly store: MemoryStore;
  readonly chain: ChainClient;
  readonly views: readonly MinerView[];
}

interface RestorationOptions {
  readonly embedder: Embedder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly keysOnly?: boolean;
}

/** One run of a restore: see `restore`. */
export class Restoration {
  readonly #options: RestorationOptions;
  readonly #deps: RestorationDeps;
  readonly #yields: ReadonlyMap<string, MinerYield>;
  #memories = 0;
  #namespaces = 0;
  #incomplete = 0;

  constructor(options: RestorationOptions, deps: RestorationDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#yields = new Map(
      deps.views.map(({ miner, reachable, trusted }) => [
        miner.hotkey,
        { hotkey: miner.hotkey, reachable: reachable && trusted, records: 0, skipped: 0 },
      ]),
    );
  }

  async run(): Promise<RestoreResult> {
    const { wallet, store } = this.#deps;
    this.#report("miners");
    const directory = directoryAccess(wallet.memoryRoot.reveal());
    const listed = await this.#gather(directory);
    const descriptions = this.#describe(listed);
    await this.#restoreDirectory(listed);
    this.#report("directory");
    for (const description of descriptions) await this.#restoreNamespace(description);
    if (!this.#options.keysOnly) await this.#restorePublic(listed);
    await store.call("restoreSuperseded", null);
    const miners = [...this.#yields.values()];
    const skipped = this.#incomplete + miners.reduce((sum, miner) => sum + miner.skipped, 0);
    return { hotkey: wallet.hotkey, memories: this.#memories, namespaces: this.#namespaces, skipped, miners };
  }

  async #gather(access: NamespaceAccess, anyCid = false): Promise<readonly GatheredContent[]> {
    const gathering = new RecordGathering(access, { anyCid });
    await Promise.all(
      this.#deps.views.map(async (view) => {
        const yielded = this.#yields.get(view.miner.hotkey);
        if (yielded?.reachable) await gathering.readFrom(view, yielded, this.#options.signal);
      }),
    );
    const { whole, incomplete } = gathering.contents();
    this.#incomplete += incomplete;
    return whole;
  }

  /** Namespaces the directory names, and the default one in any case: its name needs no directory. */
  #describe(listed: readonly GatheredContent[]): readonly NamespaceDescription[] {
    const root = this.#deps.wallet.memoryRoot.reveal();
    const found = new Map<string, NamespaceDescription>();
    for (const { kind, id, content } of listed) {
      const parsed = namespaceSchema.safeParse(toPlain(content));
      if (kind !== "namespace" || !parsed.success) continue;
      const { name, epoch, plainName, policy } = parsed.data;
      const remoteSearch = policy?.remote_search ?? false;
      const description = { name: shownName(name), epoch, plainName, remoteSearch };
      // Each epoch is described by a record of its own: the newest counts.
      if (namespaceAccess(root, description).wireName !== id.split("/")[0]) continue;
      if (epoch >= (found.get(name)?.epoch ?? 0)) found.set(description.name, description);
    }
    const fallback = { name: shownName(DEFAULT_NAMESPACE), epoch: 0, plainName: false };
    return [...found.values(), ...(found.has(DEFAULT_NAMESPACE) ? [] : [fallback])];
  }

  async #restoreDirectory(listed: readonly GatheredContent[]): Promise<void> {
    const held = listed.flatMap((content) =>
      content.kind === "namespace" ? heldRecords(content, "directory", DIRECTORY_ROW) : [],
    );
    await this.#hold(held);
  }

  async #restoreNamespace(description: NamespaceDescription): Promise<void> {
    const { store, wallet } = this.#deps;
    const access = namespaceAccess(wallet.memoryRoot.reveal(), description);
    const { name, epoch, plainName, remoteSearch = false } = description;
    const { keysOnly = false, clock } = this.#options;
    const contents = keysOnly ? [] : await this.#gather(access, remoteSearch);
    if (contents.length === 0 && name === DEFAULT_NAMESPACE) return;
    const { id: row } = await store.call("createNamespace", {
      ...{ name, wireName: access.wireName, visibility: "private", epoch, plainName, remoteSearch, keysOnly },
      now: clock.now(),
    });
    const gone = await this.#bury(contents, row);
    const alive = contents.filter(({ kind, id }) => kind === "memory" && !gone.has(id));
    for (const batch of batches(alive)) {
      const memories = batch.flatMap((content) => memoryOf(content, description.name));
      const { restored } = await store.call("restore", { memories, journal: false });
      this.#memories += restored;
      for (const content of batch) {
        const vectors = remoteSearch ? await this.#searchable(access, content) : [];
        await this.#hold(heldRecords(content, "memory", row, vectors));
      }
    }
    this.#namespaces += 1;
    this.#report("namespace", description.name);
  }

  /** As they were made when the memory was stored, so that further copies are found too. */
  async #searchable(access: NamespaceAccess, { content, parts }: GatheredContent) {
    const parsed = memorySchema.safeParse(toPlain(content));
    if (!parsed.success) return [];
    const { text, speaker } = parsed.data;
    const { embedder, signal } = this.#options;
    const memory = { text, ...(speaker === undefined ? {} : { speaker }) };
    return searchableVectors(access, memory, { embedder, parts: parts.length, signal });
  }

  /** Tombstones first: what they name is never put back, and copies that miners still hold are deleted. */
  async #bury(contents: readonly GatheredContent[], row: number): Promise<ReadonlySet<string>> {
    const stones = contents.flatMap((content) => {
      const parsed = tombstoneSchema.safeParse(toPlain(content.content));
      return content.kind === "tombstone" && parsed.success ? [{ content, id: content.id, ...parsed.data }] : [];
    });
    const rows = stones.map(({ id, cids, at }) => ({ id, cids, at, namespace: row }));
    for (const batch of batches(rows)) await this.#deps.store.call("restoreTombstones", batch);
    await this.#hold(stones.flatMap(({ content }) => heldRecords(content, "tombstone", row)));
    const gone = new Set(stones.map(({ id }) => id));
    const outlived = contents.filter(({ kind, id }) => kind === "memory" && gone.has(id));
    await this.#hold(outlived.flatMap((content) => heldRecords(content, "memory", row).map(forgotten)));
    return gone;
  }

  /** The owner's public memories, as far as miners list them; their tombstones lie in the directory. */
  async #restorePublic(listed: readonly GatheredContent[]): Promise<void> {
    const { store, wallet, chain, views } = this.#deps;
    const { signal, embedder, clock } = this.#options;
    const authored = await gatherAuthored(
      views.filter(({ miner }) => this.#yields.get(miner.hotkey)?.reachable),
      { author: wallet.hotkey, chain: await chain.identity(), embedder, signal },
    );
    const hasStones = listed.some(({ kind }) => kind === "tombstone");
    if (authored.length === 0 && !hasStones) return;
    const now = clock.now();
    const { id: row } = await store.call("createNamespace", {
      ...{ name: PUBLIC_SHOWN_NAME, wireName: PUBLIC_NAMESPACE, visibility: "public", plainName: false, now },
    });
    const gone = await this.#bury(listed, row);
    for (const batch of batches(authored)) {
      const alive = batch.filter(({ memory }) => !gone.has(memory.id));
      const { restored } = await store.call("restore", { memories: alive.map(({ memory }) => memory), journal: false });
      this.#memories += restored;
      await this.#hold(
        batch.flatMap(({ memory, records }) =>
          records.map((record) => {
            const held = { ...record, kind: "memory", id: memory.id, namespace: row } as const;
            return gone.has(memory.id) ? forgotten(held) : held;
          }),
        ),
      );
    }
    if (authored.length > 0) this.#namespaces += 1;
    this.#report("public", PUBLIC_SHOWN_NAME);
  }

  async #hold(records: readonly HeldRecord[]): Promise<void> {
    const now = this.#options.clock.now();
    for (const batch of batches(records)) await this.#deps.store.call("restoreRecords", { records: batch, now });
  }

  #report(step: RestoreProgress["step"], namespace?: string): void {
    this.#options.onProgress?.({
      step,
      namespaces: this.#namespaces,
      memories: this.#memories,
      ...(namespace === undefined ? {} : { namespace }),
    });
  }
}

/** Empty when the content is none of a memory. */
export function memoryOf({ id, content }: GatheredContent, namespace: ShownName): RestoredMemory[] {
  const parsed = memorySchema.safeParse(toPlain(content));
  if (!parsed.success) return [];
  const { created, expires, speaker, replaces, metadata, archive_key: archiveKey, ...rest } = parsed.data;
  return [
    {
      ...rest,
      id: id as MemoryId,
      namespace,
      metadata: metadata as Metadata,
      createdAt: created,
      ...(speaker === undefined ? {} : { speaker }),
      ...(expires === undefined ? {} : { expiresAt: expires }),
      ...(replaces === undefined ? {} : { replaces: replaces as MemoryId }),
      ...(archiveKey === undefined ? {} : { archiveKey }),
    },
  ];
}

function heldRecords(
  gathered: GatheredContent,
  kind: HeldRecord["kind"],
  namespace: number,
  searchable: Awaited<ReturnType<typeof searchableVectors>> = [],
): readonly HeldRecord[] {
  const expires = gathered.content.get("expires");
  return gathered.parts.map(({ opened, metadata, copies }) => ({
    kind,
    id: gathered.id,
    part: opened.part,
    namespace,
    copies,
    body: writeJournalBody({
      form: "private",
      record: privateRecordFromJournal({ wireName: opened.wireName, recordId: opened.recordId, metadata }),
      ...(typeof expires === "bigint" ? { expiresAt: Number(expires) } : {}),
      ...(searchable[opened.part] ? { searchable: searchable[opened.part] } : {}),
    }),
  }));
}

function forgotten(record: HeldRecord): HeldRecord {
  return { ...record, body: null };
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += BATCH) yield items.slice(from, from + BATCH);
}
