import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { EpochOutcome, Letter, NewEpoch } from "./namespace-registry.ts";

/** @public The declarations of the package name it. */
export interface Named {
  readonly name: string;
}

/** Epochs of owned namespaces, and the letters of their owners. What another owner left is never read. */
export function epochOperations(database: SqliteDatabase) {
  const owned = database
    .prepare<[string, string], number>(
      "SELECT 1 FROM namespace_owner WHERE name = ? AND owner = ? AND deleted_at IS NULL",
    )
    .pluck();
  const current = database
    .prepare<[string], number>(
      `SELECT e.epoch FROM namespace_epoch AS e
      JOIN namespace_owner AS o ON o.name = e.name AND o.owner = e.owner AND o.deleted_at IS NULL WHERE e.name = ?`,
    )
    .pluck();
  const begin = database.prepare<[string, string, number]>(
    `INSERT INTO namespace_epoch (name, owner, epoch) VALUES (?, ?, ?)
    ON CONFLICT (name, owner) DO UPDATE SET epoch = excluded.epoch`,
  );
  const drop = database.prepare<[string]>("DELETE FROM namespace_letter WHERE name = ?");
  const leave = database.prepare<[string, string, string]>(
    "INSERT OR REPLACE INTO namespace_letter (name, reader, sealed) VALUES (?, ?, ?)",
  );
  const letter = database
    .prepare<[string, string], string>("SELECT sealed FROM namespace_letter WHERE name = ? AND reader = ?")
    .pluck();

  return {
    reads: {
      epochOf: ({ name }: Named): number => current.get(name) ?? 0,
      letterFor: ({ name, reader }: Named & { readonly reader: Hotkey }): Letter | null => {
        const epoch = current.get(name);
        const sealed = epoch === undefined ? undefined : letter.get(name, reader);
        return epoch === undefined || sealed === undefined ? null : { epoch, sealed };
      },
    },
    writes: {
      beginEpoch: ({ name, owner, epoch, letters }: NewEpoch): EpochOutcome => {
        if (owned.get(name, owner) === undefined) return "unknown";
        const before = current.get(name) ?? 0;
        if (before > epoch) return "older";
        begin.run(name, owner, epoch);
        if (letters === undefined && before === epoch) return "begun";
        drop.run(name);
        for (const { reader, sealed } of letters ?? []) leave.run(name, reader, sealed);
        return "begun";
      },
    },
  };
}
