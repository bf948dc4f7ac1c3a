import { createHash } from "node:crypto";
import { EngramError } from "../../src/crypto/errors.ts";
import { newApprovalCode, newMemoryId } from "../../src/node/client/ids.ts";
import type {
  ClientStatus,
  DeleteResult,
  Hit,
  ListInput,
  Memory,
  MemoryClient,
  MemoryId,
  NamespaceInfo,
  PublicEvidence,
  PublicEvidenceInput,
  QueryInput,
  QueryResult,
  StoreInput,
  StoreResult,
} from "../../src/node/client/memory.ts";
import { allPublic } from "../../src/node/client/memory-input.ts";
import { matches } from "../../src/node/protocol/filter.ts";

export interface FakeOptions {
  readonly chain?: string;
  readonly minerUrls?: readonly string[];
  readonly now?: () => number;
}

type Target = Parameters<MemoryClient["delete"]>[0];

/** A `MemoryClient` in a few maps: scores are the share of query words a text holds. */
export class FakeMemoryClient implements MemoryClient {
  readonly memories = new Map<string, Memory>();
  readonly #options: FakeOptions;
  readonly #approvals = new Map<
    string,
    { readonly hash: string; readonly summary: string; expires: number; approved: boolean }
  >();
  #sequence = 0;
  closed = false;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  async store(input: StoreInput): Promise<StoreResult> {
    const stored = input.items.map((item) => {
      const memory = this.#toMemory(input, item);
      const same = input.dedupe === false ? undefined : this.#find(memory);
      if (same) return { id: same.id, deduped: true as const };
      this.memories.set(memory.id, memory);
      return { id: memory.id };
    });
    if (input.replaces !== undefined) this.memories.delete(this.#resolve(input.replaces)?.id ?? "");
    return { stored, replicas: { have: 0, target: 3, possible: 0 } };
  }

  #toMemory(input: StoreInput, item: StoreInput["items"][number]): Memory {
    const now = this.#now();
    const replaced = input.replaces === undefined ? undefined : this.#resolve(input.replaces);
    if (input.replaces !== undefined && !replaced) {
      throw new EngramError("MEMORY_NOT_FOUND", "There is no memory to replace.", {
        fix: "Store it without replaces.",
      });
    }
    return {
      id: newMemoryId(),
      namespace: input.public ? "public" : (input.namespace ?? "main"),
      visibility: input.public ? "public" : "private",
      text: item.text,
      metadata: item.metadata ?? {},
      session: item.session ?? input.session ?? "none",
      seq: ++this.#sequence,
      at: item.at ?? now,
      createdAt: now,
      ...(item.speaker === undefined ? {} : { speaker: item.speaker }),
      ...(input.ttlSeconds === undefined ? {} : { expiresAt: now + input.ttlSeconds * 1000 }),
      ...(replaced === undefined ? {} : { replaces: replaced.id }),
    };
  }

  #find(memory: Memory): Memory | undefined {
    const key = (m: Memory) => JSON.stringify([m.namespace, m.session, m.speaker, m.text, m.metadata]);
    return [...this.memories.values()].find((other) => key(other) === key(memory));
  }

  #resolve(id: string): Memory | undefined {
    return [...this.memories.values()].find((memory) => memory.id.startsWith(id));
  }

  async query(input: QueryInput): Promise<QueryResult> {
    const words = input.query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    const scope = input.scope ?? "own";
    const here = [...this.memories.values()].filter(
      (memory) =>
        (input.namespaces === undefined || input.namespaces.includes(memory.namespace)) &&
        (scope === "all" || (memory.visibility === "public") === (scope === "public")) &&
        (input.filter === undefined || matches(input.filter, memory.metadata)),
    );
    const hits = here
      .map((memory): Hit => ({ ...memory, score: share(words, memory.text), tier: "own" }))
      .filter(({ score }) => score > 0 && score >= (input.minScore ?? 0))
      .sort((a, b) => b.score - a.score || a.seq - b.seq);
    const start = Number(input.cursor ?? 0);
    const end = start + (input.limit ?? 8);
    if (hits.length === 0) return { hits, why: here.length === 0 ? "the namespace is empty" : "nothing scored" };
    return { hits: hits.slice(start, end), ...(end < hits.length ? { next: String(end) } : {}) };
  }

  async get(ids: readonly string[]) {
    const found = ids.map((id) => this.#resolve(id));
    return { items: found.filter((memory) => memory !== undefined), missing: ids.filter((_, index) => !found[index]) };
  }

  /** As if every public memory lay at one miner. */
  async publicEvidence({ ids }: PublicEvidenceInput): Promise<readonly PublicEvidence[]> {
    return allPublic(await this.get(ids)).map((memory) => ({
      memory,
      cid: `v1::${createHash("sha256").update(memory.text).digest("hex")}` as PublicEvidence["cid"],
      score: 1,
      tier: "anonymous",
      miners: ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" as PublicEvidence["miners"][number]],
    }));
  }

  async list(input: ListInput) {
    const all = [...this.memories.values()].filter(
      (memory) =>
        (input.namespace === undefined || memory.namespace === input.namespace) &&
        (input.filter === undefined || matches(input.filter, memory.metadata)),
    );
    if (input.order !== "oldest") all.reverse();
    const start = Number(input.cursor ?? 0);
    const end = start + (input.limit ?? 20);
    return { items: all.slice(start, end), ...(end < all.length ? { next: String(end) } : {}) };
  }

  async copies() {
    return [];
  }

  async placement() {
    return [];
  }

  async countForDelete(target: Target): Promise<number> {
    return this.#targets(target).length;
  }

  #targets(target: Target): readonly Memory[] {
    if ("namespace" in target) return [...this.memories.values()].filter((m) => m.namespace === target.namespace);
    return target.ids.map((id) => this.#resolve(id)).filter((memory) => memory !== undefined);
  }

  async delete(target: Target): Promise<DeleteResult> {
    const missing = "ids" in target ? target.ids.filter((id) => !this.#resolve(id)) : [];
    const deleted: MemoryId[] = [...new Set(this.#targets(target).map(({ id }) => id))];
    for (const id of deleted) this.memories.delete(id);
    return { deleted, missing, local: true, replicas: { deleted: 0, pending: 0, impossible: 0 } };
  }

  async namespaces(): Promise<readonly NamespaceInfo[]> {
    const names = new Set([...this.memories.values()].map(({ namespace }) => namespace));
    return [...names].map((name) => ({
      name,
      visibility: name === "public" ? "public" : "private",
      memories: this.#targets({ namespace: name }).length,
      lastWrite: this.#now(),
    }));
  }

  async createNamespace(input: { readonly name: string }): Promise<NamespaceInfo> {
    return { name: input.name, visibility: "private", memories: 0 };
  }

  async status(): Promise<ClientStatus> {
    return {
      home: "/nowhere",
      hotkey: "5Fake",
      backup: "never made",
      chain: { identity: this.#options.chain ?? "local:test", block: 1 },
      embedder: { model: "fake", dim: 4 },
      memories: this.memories.size,
      namespaces: (await this.namespaces()).length,
      replicas: { have: 0, target: 3, possible: 0 },
      journal: { pushes: 0, deletes: 0, failed: 0 },
      awaitingVectors: 0,
      otherModelVectors: 0,
      miners: (this.#options.minerUrls ?? []).map((url) => ({ hotkey: "5Miner", url, reachable: true, caps: [] })),
    };
  }

  readonly approvals = {
    request: async (hash: string, summary: string) => {
      const code = newApprovalCode();
      const expires = this.#now() + 300_000;
      this.#approvals.set(code, { hash, summary, expires, approved: false });
      return { code, expiresAt: expires };
    },
    pending: async (code: string) => {
      const request = this.#approvals.get(code);
      return !request || request.approved || request.expires <= this.#now() ? null : { summary: request.summary };
    },
    approve: async (code: string) => {
      const request = this.#approvals.get(code);
      if (!request || request.expires <= this.#now()) return null;
      request.approved = true;
      return { summary: request.summary };
    },
    consume: async (hash: string) => {
      for (const [code, request] of this.#approvals) {
        if (request.hash !== hash || !request.approved || request.expires <= this.#now()) continue;
        return this.#approvals.delete(code);
      }
      return false;
    },
  };

  async reindex() {
    return { embedded: 0, left: 0 };
  }

  async *export(namespace?: string): AsyncIterable<Memory> {
    for (const memory of this.memories.values()) {
      if (namespace === undefined || memory.namespace === namespace) yield memory;
    }
  }

  async settle(): Promise<void> {}

  unembedded(): undefined {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }
}

function share(words: readonly string[], text: string): number {
  const held = new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
  return words.length === 0 ? 0 : words.filter((word) => held.has(word)).length / words.length;
}
