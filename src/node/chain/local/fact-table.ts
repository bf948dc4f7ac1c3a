import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** What the chain knows of a hotkey, by kind. */
export interface Facts {
  readonly neuron: { readonly uid: number; readonly coldkey: Hotkey };
  /** `http://host:port`. */
  readonly axon: string;
  readonly stake: number;
  readonly weights: readonly (readonly [uid: number, weight: number])[];
  /** Hex. */
  readonly commitment: string;
}

interface DatedFact<T> {
  readonly block: number;
  readonly value: T;
}

/** The state by block: every value since the block it was written in, so that any block's state can be read. */
export interface FactTable {
  get<K extends keyof Facts>(kind: K, hotkey: Hotkey, at: number): DatedFact<Facts[K]> | undefined;
  all<K extends keyof Facts>(kind: K, at: number): ReadonlyMap<Hotkey, Facts[K]>;
  /** Forgets values that were replaced before `horizon`: no block that can still be read has them. */
  put<K extends keyof Facts>(kind: K, hotkey: Hotkey, block: number, value: Facts[K], horizon: number): void;
  dropAbove(block: number): void;
}

interface Row {
  readonly key: Hotkey;
  readonly block: number;
  readonly value: string;
}

export function createFactTable(database: SqliteDatabase): FactTable {
  const one = database.prepare<[string, string, number], Row>(
    "SELECT key, block, value FROM fact WHERE kind = ? AND key = ? AND block <= ? ORDER BY block DESC LIMIT 1",
  );
  const every = database.prepare<{ kind: string; at: number }, Row>(
    `SELECT key, block, value FROM fact AS newest WHERE kind = :kind AND block = (
      SELECT max(block) FROM fact WHERE kind = :kind AND key = newest.key AND block <= :at
    )`,
  );
  const insert = database.prepare<[string, string, number, string]>(
    "INSERT INTO fact (kind, key, block, value) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  const forget = database.prepare<{ kind: string; key: string; horizon: number }>(
    `DELETE FROM fact WHERE kind = :kind AND key = :key AND block < (
      SELECT max(block) FROM fact WHERE kind = :kind AND key = :key AND block <= :horizon
    )`,
  );
  const drop = database.prepare<[number]>("DELETE FROM fact WHERE block > ?");
  // Only `put` writes values, so what is read has its kind's form.
  const read = (row: Row) => JSON.parse(row.value) as never;

  return {
    get: (kind, hotkey, at) => {
      const row = one.get(kind, hotkey, at);
      return row && { block: row.block, value: read(row) };
    },
    all: (kind, at) => new Map(every.all({ kind, at }).map((row) => [row.key, read(row)])),
    put: (kind, hotkey, block, value, horizon) => {
      insert.run(kind, hotkey, block, JSON.stringify(value));
      forget.run({ kind, key: hotkey, horizon });
    },
    dropAbove: (block) => {
      drop.run(block);
    },
  };
}
