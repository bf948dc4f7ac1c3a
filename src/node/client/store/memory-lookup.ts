import { EngramError } from "../../../crypto/errors.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { isMemoryIdPrefix } from "../ids.ts";
import { type MemoryRow, SELECT_MEMORY } from "./memory-rows.ts";

/** Finds memories by what callers give: an id, a unique beginning of one, or the id of one that was replaced. */
export interface MemoryLookup {
  /** The memory's row, overdue ones included; undefined when nothing answers. Errors: `ID_AMBIGUOUS`. */
  find(id: string): MemoryRow | undefined;
}

export function memoryLookup(database: SqliteDatabase): MemoryLookup {
  // "~" sorts after every character of an id.
  const byPrefix = database.prepare<[string, string], MemoryRow>(
    `${SELECT_MEMORY} WHERE m.id >= ? AND m.id < ? || '~' ORDER BY m.id LIMIT 2`,
  );
  const superseded = database.prepare<[string, string], { old_id: string; new_id: string }>(
    "SELECT old_id, new_id FROM superseded WHERE old_id >= ? AND old_id < ? || '~' ORDER BY old_id LIMIT 2",
  );

  return {
    find: (text) => {
      const id = text.trim().toLowerCase();
      if (!isMemoryIdPrefix(id)) return undefined;
      const rows = byPrefix.all(id, id);
      const replaced = superseded.all(id, id);
      const answers = new Set([...rows.map((row) => row.id), ...replaced.map((row) => row.new_id)]);
      if (answers.size > 1) {
        throw new EngramError("ID_AMBIGUOUS", `${id} is the beginning of several memory ids`, {
          fix: "give more characters of the id",
        });
      }
      const [answer] = answers;
      return rows[0] ?? (answer === undefined ? undefined : byPrefix.get(answer, answer));
    },
  };
}
