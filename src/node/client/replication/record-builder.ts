import type { MemoryRoot } from "../../../crypto/keys.ts";
import { type ShownName, shownName } from "../../../crypto/namespace-name.ts";
import type { Embedder } from "../../ports.ts";
import type { Secret } from "../../runtime/secret.ts";
import type { Memory } from "../memory.ts";
import { DIRECTORY_ROW, type JournalNamespace } from "../store/journal-rows.ts";
import type { WaitingRecord } from "../store/record-statements.ts";
import { type JournalBody, writeJournalBody } from "./journal-body.ts";
import { directoryAccess, type NamespaceAccess, namespaceAccess } from "./namespace-access.ts";
import { searchableVectors } from "./private-embedding.ts";
import { sealRecords } from "./private-record.ts";
import { type PublicMemory, publicRecords } from "./public-record.ts";
import type { HotkeySigner } from "./signer.ts";

export interface RecordBuilderDeps {
  readonly root: Secret<MemoryRoot>;
  readonly signer: HotkeySigner;
  readonly embedder: Embedder;
  readonly chainIdentity: () => Promise<string>;
}

type PrivateBody = Extract<JournalBody, { form: "private" }>;

/** Makes the bytes of records from what the store holds. Which form a record takes is decided here and nowhere else. */
export class RecordBuilder {
  readonly #deps: RecordBuilderDeps;
  readonly #accesses = new Map<string, NamespaceAccess>();

  constructor(deps: RecordBuilderDeps) {
    this.#deps = deps;
  }

  /** The bodies of all parts; undefined when their source is gone: it was forgotten first. */
  async build(waiting: WaitingRecord, signal?: AbortSignal): Promise<readonly string[] | undefined> {
    const { kind, id, memory, tombstone, described, namespace } = waiting;
    if (kind === "directory") return described && this.#sealDescription(id, described);
    if (kind === "tombstone")
      return tombstone && this.#seal(this.accessOf(waiting), "tombstone", id, tombstone).map(writeJournalBody);
    if (!memory) return undefined;
    if (isPublic(memory)) return this.#publish(memory, signal);
    const bodies = this.#sealMemory(this.access(namespace), memory, waiting.archiveKey);
    return namespace.remoteSearch
      ? this.#searchable(this.access(namespace), memory, bodies, signal)
      : bodies.map(writeJournalBody);
  }

  /** Tombstones of public memories are the owner's business alone: they lie in the directory (design: forget). */
  accessOf({ kind, namespace }: Pick<WaitingRecord, "kind" | "namespace">): NamespaceAccess {
    const hidden = kind === "directory" || (kind === "tombstone" && namespace.visibility === "public");
    return hidden ? this.directory() : this.access(namespace);
  }

  access(namespace: Pick<JournalNamespace, "row" | "name" | "epoch" | "plainName">): NamespaceAccess {
    if (namespace.row === DIRECTORY_ROW) return this.directory();
    const { name, epoch, plainName } = namespace;
    const key = JSON.stringify([name, epoch, plainName]);
    const known = this.#accesses.get(key);
    if (known) return known;
    const access = namespaceAccess(this.#deps.root.reveal(), { name: shownName(name), epoch, plainName });
    this.#accesses.set(key, access);
    return access;
  }

  directory(): NamespaceAccess {
    const known = this.#accesses.get("");
    const access = known ?? directoryAccess(this.#deps.root.reveal());
    this.#accesses.set("", access);
    return access;
  }

  #sealDescription(wireName: string, { name, epoch, plainName, remoteSearch }: JournalNamespace): readonly string[] {
    const policy = remoteSearch ? { remote_search: true } : {};
    const content = { name: name as ShownName, epoch, plainName, policy };
    return this.#seal(this.directory(), "namespace", wireName, content).map(writeJournalBody);
  }

  #sealMemory(access: NamespaceAccess, memory: Memory, archiveKey: string | undefined): readonly PrivateBody[] {
    const { id, text, metadata, speaker, session, seq, at, createdAt, expiresAt, replaces } = memory;
    const times = { at, created: createdAt, expires: expiresAt };
    const content = { text, metadata, speaker, session, seq, ...times, replaces, archive_key: archiveKey };
    return this.#seal(access, "memory", id, content, expiresAt);
  }

  #seal(
    access: NamespaceAccess,
    kind: "memory" | "tombstone" | "namespace",
    id: string,
    content: object,
    expiresAt?: number,
  ): readonly PrivateBody[] {
    return sealRecords(access, kind, id, { ...content }).map((record) => ({
      ...({ form: "private", record } as const),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }));
  }

  async #searchable(
    access: NamespaceAccess,
    memory: Memory,
    bodies: readonly PrivateBody[],
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> {
    const options = { embedder: this.#deps.embedder, parts: bodies.length, ...(signal ? { signal } : {}) };
    const vectors = await searchableVectors(access, memory, options);
    return bodies.map((body, part) => {
      const searchable = vectors[part];
      return writeJournalBody(searchable ? { ...body, searchable } : body);
    });
  }

  async #publish(memory: PublicMemory, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const { signer, embedder, chainIdentity } = this.#deps;
    const records = publicRecords(memory, await chainIdentity(), signer);
    const options = { priority: "background", ...(signal ? { signal } : {}) } as const;
    const vectors = await embedder.embed(
      records.map((record) => record.text),
      options,
    );
    const { model } = embedder.profile;
    const end = memory.expiresAt === undefined ? {} : { expiresAt: memory.expiresAt };
    return records.map((record, part) =>
      writeJournalBody({ form: "public", record, vector: vectors[part] ?? new Float32Array(), model, ...end }),
    );
  }
}

function isPublic(memory: Memory): memory is PublicMemory {
  return memory.visibility === "public";
}
