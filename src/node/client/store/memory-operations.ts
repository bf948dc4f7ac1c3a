import type { Filter } from "../../protocol/filter.ts";
import { matches } from "../../protocol/filter.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import { readOnly } from "../errors.ts";
import type { Memory, MemoryId } from "../memory.ts";
import { createForget } from "./forget.ts";
import { memoryLookup } from "./memory-lookup.ts";
import { asMemory, type MemoryRow, SELECT_MEMORY } from "./memory-rows.ts";
import { restoreMemories } from "./restore-memories.ts";
import { storeMemories } from "./store-memories.ts";

/** Ids as callers gave them, or a namespace's shown name. */
export type Selection = { readonly ids: readonly string[] } | { readonly namespace: string };

export interface ListPage {
  readonly namespace?: string;
  readonly filter?: Filter;
  readonly order: "newest" | "oldest";
  readonly limit: number;
  /** Row of the last memory of the page before. */
  readonly after?: number;
  readonly now: number;
}

export interface Forgotten {
  readonly deleted: readonly MemoryId[];
  readonly missing: readonly string[];
  /** Deletes that holders still have to confirm. */
  readonly pending: number;
}

/** A filtered page looks at so many memories before it answers with what it has and where to read on. */
const ROWS_PER_PAGE = 5_000;

export function memoryOperations(database: SqliteDatabase) {
  const lookup = memoryLookup(database);
  const forget = createForget(database);
  // By whole ids: those of another wallet's tombstones are never prefixes, nor do they name what came in their place.
  const exactly = database.prepare<[string], MemoryRow>(`${SELECT_MEMORY} WHERE m.id = ?`);
  const live = "(m.expires_at IS NULL OR m.expires_at > @now)";
  const inNamespace = "m.namespace = (SELECT id FROM namespace WHERE name = @namespace)";
  const page = (where: string, order: string) =>
    database.prepare<[Record<string, unknown>], MemoryRow>(
      `${SELECT_MEMORY} WHERE ${live} AND ${where} ORDER BY ${order}`,
    );
  const pages = {
    newest: page("m.row < @after", "m.row DESC"),
    oldest: page("m.row > @after", "m.row"),
    newestInNamespace: page(`m.row < @after AND ${inNamespace}`, "m.row DESC"),
    oldestInNamespace: page(`m.row > @after AND ${inNamespace}`, "m.row"),
  };
  const ofNamespace = database.prepare<[string, number], MemoryRow>(
    `${SELECT_MEMORY} WHERE n.name = ? ORDER BY m.row LIMIT ?`,
  );
  const countNamespace = database
    .prepare<[string, number], number>(
      `SELECT count(*) FROM memory m JOIN namespace n ON n.id = m.namespace
       WHERE n.name = ? AND (m.expires_at IS NULL OR m.expires_at > ?)`,
    )
    .pluck();
  const overdue = database.prepare<[number, number], MemoryRow>(
    `${SELECT_MEMORY} WHERE m.expires_at <= ? ORDER BY m.expires_at LIMIT ?`,
  );
  const count = database
    .prepare<[number], number>("SELECT count(*) FROM memory WHERE expires_at IS NULL OR expires_at > ?")
    .pluck();

  return {
    reads: {
      get: ({ ids, now }: { readonly ids: readonly string[]; readonly now: number }) => {
        const found = resolve(ids, now);
        return { items: found.rows.map(asMemory), missing: found.missing };
      },
      list: readPage,
      countSelected: ({ now, ...selection }: Selection & { readonly now: number }): number =>
        "ids" in selection
          ? resolve(selection.ids, now).rows.length
          : (countNamespace.get(selection.namespace, now) ?? 0),
      countMemories: ({ now }: { readonly now: number }): number => count.get(now) ?? 0,
    },
    writes: {
      store: storeMemories(database),
      restore: restoreMemories(database),
      forgetIds: ({ ids, now }: { readonly ids: readonly string[]; readonly now: number }, context: WriteContext) => {
        const { rows, missing } = resolve(ids, now);
        refuseShared(rows);
        return { ...forgetRows(rows, now, context), missing } satisfies Forgotten;
      },
      /** A slice of a namespace; the caller repeats it until `deleted` is empty, so that other writers get their turn. */
      forgetNamespace: (
        { namespace, limit, now }: { readonly namespace: string; readonly limit: number; readonly now: number },
        context: WriteContext,
      ): Forgotten => {
        const rows = ofNamespace.all(namespace, limit);
        refuseShared(rows);
        return { ...forgetRows(rows, now, context), missing: [] };
      },
      /** Of a shared namespace, whose owner forgot them: here and now, and nobody has to be told. */
      forgetShared: (
        { namespace, ids, now }: { readonly namespace: string; readonly ids: readonly string[]; readonly now: number },
        context: WriteContext,
      ): number => {
        const rows = ids.flatMap((id) => exactly.get(id) ?? []);
        return forgetRows(
          rows.filter(({ name, owner }) => owner !== null && name === namespace),
          now,
          context,
        ).deleted.length;
      },
      /** A slice, as above, of a shared namespace that the reader leaves. */
      dropShared: (
        { namespace, limit, now }: { readonly namespace: string; readonly limit: number; readonly now: number },
        context: WriteContext,
      ): number => {
        const rows = ofNamespace.all(namespace, limit).filter(({ owner }) => owner !== null);
        return forgetRows(rows, now, context).deleted.length;
      },
      forgetOverdue: (
        { limit, now }: { readonly limit: number; readonly now: number },
        context: WriteContext,
      ): Forgotten => ({ ...forgetRows(overdue.all(now, limit), now, context), missing: [] }),
    },
  };

  function resolve(ids: readonly string[], now: number): { rows: readonly MemoryRow[]; missing: readonly string[] } {
    const rows = new Map<number, MemoryRow>();
    const missing: string[] = [];
    for (const id of ids) {
      const row = lookup.find(id);
      if (!row || (row.expires_at !== null && row.expires_at <= now)) missing.push(id);
      else rows.set(row.row, row);
    }
    return { rows: [...rows.values()], missing };
  }

  function refuseShared(rows: readonly MemoryRow[]): void {
    const shared = rows.find(({ owner }) => owner !== null);
    if (shared) throw readOnly(shared.name);
  }

  function forgetRows(rows: readonly MemoryRow[], now: number, context: WriteContext) {
    let pending = 0;
    for (const row of rows) pending += forget(row, now);
    if (rows.length > 0) context.eraseLog();
    return { deleted: rows.map((row) => row.id as MemoryId), pending };
  }

  function readPage(input: ListPage): { readonly items: readonly Memory[]; readonly next?: number } {
    const { namespace, filter, order, limit, now } = input;
    const after = input.after ?? (order === "newest" ? Number.MAX_SAFE_INTEGER : 0);
    const rows = pages[namespace === undefined ? order : (`${order}InNamespace` as const)];
    const items: Memory[] = [];
    let seen = 0;
    let last = after;
    for (const row of rows.iterate({ after, now, ...(namespace === undefined ? {} : { namespace }) })) {
      if (items.length === limit || seen === ROWS_PER_PAGE) return { items, next: last };
      seen++;
      last = row.row;
      const memory = asMemory(row);
      if (!filter || matches(filter, memory.metadata)) items.push(memory);
    }
    return { items };
  }
}
