import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { readOnly } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { contentKey, createInsert } from "./insert-memory.ts";

/** A memory as its owner's records tell it. */
export interface RestoredMemory extends Omit<Memory, "visibility"> {
  /** See `Content`. */
  readonly archiveKey?: string;
}

export interface RestoreMemories {
  /** Shown names in them must exist already. */
  readonly memories: readonly RestoredMemory[];
  /** Whether miners have to be told of them; not when they were read from miners. */
  readonly journal: boolean;
}

export interface RestoreResult {
  readonly restored: number;
  /** What waits for its vector now. */
  readonly pieces: readonly { readonly namespace: string; readonly pieces: readonly number[] }[];
}

/**
 * Puts memories back as they were: id, order and times stay. One that is there, or that was forgotten, is left as it
 * is: a restore never revives an id (design: forget). Memories of an unknown namespace are left out.
 */
export function restoreMemories(database: SqliteDatabase) {
  const namespace = database.prepare<[string], { id: number; owner: string | null }>(
    "SELECT id, owner FROM namespace WHERE name = ?",
  );
  const taken = database
    .prepare<[{ id: string }], number>(
      `SELECT 1 FROM memory WHERE id = @id UNION ALL SELECT 1 FROM tombstone WHERE id = @id
       UNION ALL SELECT 1 FROM superseded WHERE old_id = @id`,
    )
    .pluck();
  const sameContent = database.prepare<[Uint8Array], number>("SELECT 1 FROM memory WHERE dedupe = ?").pluck();
  const insert = createInsert(database);

  return ({ memories, journal }: RestoreMemories): RestoreResult => {
    const pieces = new Map<string, number[]>();
    let restored = 0;
    for (const memory of memories) {
      const target = namespace.get(memory.namespace);
      if (target && target.owner !== null && journal) throw readOnly(memory.namespace);
      if (!target || taken.get({ id: memory.id }) !== undefined) continue;
      const metadata = JSON.stringify(memory.metadata);
      const key = contentKey(memory.namespace, { ...memory, metadata });
      const dedupe = sameContent.get(key) === undefined ? key : null;
      const made = insert({ ...memory, namespace: target, metadata, dedupe, journal });
      pieces.set(memory.namespace, [...(pieces.get(memory.namespace) ?? []), ...made]);
      restored++;
    }
    return { restored, pieces: [...pieces].map(([name, numbers]) => ({ namespace: name, pieces: numbers })) };
  };
}
