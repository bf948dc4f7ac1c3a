import { EngramError } from "../../crypto/errors.ts";
import type { Audits } from "./audits.ts";
import type { KeyShares } from "./key-shares/key-shares.ts";
import type { ClientStatus, Hit, Memory, MemoryId, PublicEvidence, QueryInput, ReplicaState } from "./memory.ts";
import type { Sharing } from "./sharing/sharing.ts";

/** Public memories to be found at miners. */
export interface EvidenceRequest {
  readonly memories: readonly (Memory & { readonly visibility: "public" })[];
  readonly query?: string;
}

/** What the client asks of whoever pushes its records to miners; the local store works without one. */
export interface Replication extends AsyncDisposable {
  /**
   * The journal has new rows: called after each acknowledged store, with what it stored, and delete, and must not throw.
   */
  wake(stored?: readonly MemoryId[]): void;
  /** Copies on remote miners: of these memories (the least replicated counts), or of all. */
  replicas(ids?: readonly MemoryId[]): Promise<ReplicaState & { readonly note?: string }>;
  /** Public memories of other owners, best first; errors and deadlines are its own, an empty answer is fine. */
  publicRecall(query: QueryInput & { readonly limit: number }, signal?: AbortSignal): Promise<readonly Hit[]>;
  /**
   * Own memories in namespaces with remote search that this home does not hold itself, best first. Nothing when there
   * is no such namespace; errors and deadlines are its own.
   */
  remoteRecall(query: QueryInput & { readonly limit: number }, signal?: AbortSignal): Promise<readonly Hit[]>;
  /** Records of own public memories, fetched and checked. Errors: `MEMORY_NOT_HELD`. */
  publicEvidence(request: EvidenceRequest, signal?: AbortSignal): Promise<readonly PublicEvidence[]>;
  /** Holders that cannot delete, among those of deletes that wait. */
  impossibleDeletes(ids: readonly MemoryId[]): Promise<number>;
  miners(): Promise<ClientStatus["miners"]>;
  /** Absent where no miner is ever known. */
  readonly keyShares?: KeyShares;
  /** Absent where no miner is ever known. */
  readonly audits?: Audits;
  /** Absent where no miner is ever known. */
  readonly sharing?: Sharing;
  /** Resolves when every due push and delete was tried once. */
  settle(signal?: AbortSignal): Promise<void>;
}

/** Copies a memory should have on remote miners. */
export const REPLICA_TARGET = 3;

/** No miner shows a memory that is to be published as evidence. */
export function notHeld(id: string): EngramError {
  return new EngramError("MEMORY_NOT_HELD", `no miner shows ${id} yet`, {
    fix: "Copies are made in the background: call again in some seconds; engram_status says which miners answer.",
    retryAfterMs: 5_000,
  });
}

/** No miner is known: memories stay on this disk. */
export const localOnly: Replication = {
  wake: () => undefined,
  replicas: async () => ({ have: 0, target: REPLICA_TARGET, possible: 0, note: "local only" }),
  publicRecall: async () => [],
  remoteRecall: async () => [],
  publicEvidence: async ({ memories }) => {
    throw notHeld(memories[0]?.id ?? "this memory");
  },
  impossibleDeletes: async () => 0,
  miners: async () => [],
  settle: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};
