import { EngramError } from "../../../crypto/errors.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import { readOnly } from "../errors.ts";
import { newMemoryId } from "../ids.ts";
import type { MemoryId } from "../memory.ts";
import { createForget } from "./forget.ts";
import { contentKey, createInsert } from "./insert-memory.ts";
import { memoryLookup } from "./memory-lookup.ts";
import { type MemoryRow, SELECT_MEMORY } from "./memory-rows.ts";

/** One memory to store; `metadata` is JSON text of an object. */
export interface ItemToStore {
  readonly text: string;
  readonly speaker?: string;
  readonly session: string;
  readonly at?: number;
  readonly metadata: string;
  /** See `Content`. */
  readonly archiveKey?: string;
}

export interface StoreMemories {
  /** The shown name. */
  readonly namespace: string;
  readonly items: readonly ItemToStore[];
  readonly expiresAt?: number;
  readonly replaces?: string;
  readonly dedupe: boolean;
  readonly now: number;
}

export interface StoredMemory {
  readonly id: MemoryId;
  readonly deduped: boolean;
  readonly parts: number;
}

/** `namespaceMissing`: nothing was stored; the caller makes the namespace (its names need the wallet) and asks again. */
export type StoreMemoriesResult =
  | { readonly namespaceMissing: true }
  | { readonly namespaceMissing: false; readonly stored: readonly StoredMemory[]; readonly pieces: readonly number[] };

interface NamespaceRow {
  readonly id: number;
  readonly name: string;
  readonly visibility: "private" | "public";
  readonly owner: string | null;
}

/** Memory, pieces, postings, journal and change log in one transaction; the vectors come later. */
export function storeMemories(database: SqliteDatabase) {
  const namespaceByName = database.prepare<[string], NamespaceRow>(
    "SELECT id, name, visibility, owner FROM namespace WHERE name = ?",
  );
  const byDedupe = database.prepare<[Uint8Array], MemoryRow>(`${SELECT_MEMORY} WHERE m.dedupe = ?`);
  const countPieces = database.prepare<[number], number>("SELECT count(*) FROM piece WHERE memory = ?").pluck();
  const supersede = database.prepare("INSERT OR REPLACE INTO superseded (old_id, new_id) VALUES (?, ?)");
  const supersedeOlder = database.prepare("UPDATE superseded SET new_id = ? WHERE new_id = ?");
  const lookup = memoryLookup(database);
  const forget = createForget(database);
  const insert = createInsert(database);

  return (input: StoreMemories, context: WriteContext): StoreMemoriesResult => {
    const namespace = namespaceByName.get(input.namespace);
    if (!namespace) return { namespaceMissing: true };
    if (namespace.owner !== null) throw readOnly(namespace.name);
    const replaced = input.replaces === undefined ? undefined : findReplaced(input.replaces, namespace, input.now);
    const stored: StoredMemory[] = [];
    const pieces: number[] = [];
    for (const item of input.items) {
      const one = storeOne(input, namespace, item, replaced, context);
      stored.push(one.stored);
      pieces.push(...one.pieces);
    }
    return { namespaceMissing: false, stored, pieces };
  };

  function findReplaced(id: string, namespace: NamespaceRow, now: number): MemoryRow {
    const row = lookup.find(id);
    if (!row || isOver(row, now)) {
      throw new EngramError("MEMORY_NOT_FOUND", "there is no memory with the id given as `replaces`", {
        fix: "recall it again for its current id, or store without `replaces`",
      });
    }
    if (row.namespace !== namespace.id) {
      throw new EngramError("REPLACES_OTHER_NAMESPACE", `the memory to replace is in namespace ${row.name}`, {
        fix: "store into that namespace",
      });
    }
    return row;
  }

  function storeOne(
    input: StoreMemories,
    namespace: NamespaceRow,
    item: ItemToStore,
    replaced: MemoryRow | undefined,
    context: WriteContext,
  ): { readonly stored: StoredMemory; readonly pieces: readonly number[] } {
    const key = contentKey(namespace.name, item);
    const same = byDedupe.get(key);
    // A memory that ends sooner cannot stand for one that was asked to live longer: it gives way.
    const outlived = same !== undefined && isOutlived(same, input);
    if (same && input.dedupe && !outlived) {
      if (replaced && replaced.row !== same.row) putInPlaceOf(replaced, same.id, input.now, context);
      const parts = countPieces.get(same.row) ?? 1;
      return { stored: { id: same.id as MemoryId, deduped: true, parts }, pieces: [] };
    }
    const id = newMemoryId();
    const leaving = [replaced, input.dedupe && outlived && same?.row !== replaced?.row ? same : undefined];
    for (const old of leaving) if (old) putInPlaceOf(old, id, input.now, context);
    const keyIsFree = same === undefined || leaving.some((old) => old?.row === same.row);
    const { expiresAt, now } = input;
    const pieces = insert({
      id,
      namespace,
      ...item,
      at: item.at ?? now,
      createdAt: now,
      expiresAt,
      replaces: replaced?.id,
      dedupe: keyIsFree ? key : null,
      journal: true,
    });
    return { stored: { id, deduped: false, parts: pieces.length }, pieces };
  }

  function putInPlaceOf(old: MemoryRow, id: string, now: number, context: WriteContext): void {
    supersedeOlder.run(id, old.id);
    forget(old, now);
    supersede.run(old.id, id);
    context.eraseLog();
  }
}

function isOver(row: MemoryRow, now: number): boolean {
  return row.expires_at !== null && row.expires_at <= now;
}

function isOutlived(row: MemoryRow, input: StoreMemories): boolean {
  return row.expires_at !== null && (isOver(row, input.now) || row.expires_at < (input.expiresAt ?? Infinity));
}
