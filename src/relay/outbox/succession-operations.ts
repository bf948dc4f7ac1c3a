import type { Hotkey } from "../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { Succession } from "../signed-statement.ts";

/** @public The declarations of the package name it. */
export interface Pinned {
  readonly pinned: Hotkey;
}

/** Keeps which keys sign for a pinned gateway, on a database with `outboxMigrations`. */
export function successionOperations(database: SqliteDatabase) {
  const find = database.prepare<[string], string>("SELECT value FROM relay_state WHERE key = ?").pluck();
  const keep = database.prepare(
    "INSERT INTO relay_state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );

  return {
    reads: {
      /** As they were verified; none before the gateway ever changed its key. */
      successions: ({ pinned }: Pinned): readonly Succession[] =>
        JSON.parse(find.get(keyOf(pinned)) ?? "[]") as readonly Succession[],
    },
    writes: {
      keepSuccessions: ({ pinned, successions }: Pinned & { readonly successions: readonly Succession[] }): void => {
        keep.run(keyOf(pinned), JSON.stringify(successions));
      },
    },
  };
}

function keyOf(pinned: Hotkey): string {
  return `successions|${pinned}`;
}
