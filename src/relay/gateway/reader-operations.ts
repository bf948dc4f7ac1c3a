import { randomBytes } from "node:crypto";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { ReaderRow, Scope } from "./readers.ts";

interface StoredReader {
  readonly name: string;
  readonly scopes: string;
  readonly secret: string;
}

/** Readers and their tokens, of which only hashes are kept. */
export function readerOperations(database: SqliteDatabase) {
  const byHash = database.prepare<object, StoredReader>("SELECT * FROM reader WHERE token_hash = @hash");
  const byName = database.prepare<object, StoredReader>("SELECT * FROM reader WHERE name = @name");
  const all = database.prepare<[], StoredReader>("SELECT * FROM reader WHERE name <> '' ORDER BY name");
  const insert = database.prepare<object>(
    `INSERT INTO reader (name, token_hash, scopes, secret) VALUES (@name, @hash, @scopes, @secret)
     ON CONFLICT DO NOTHING`,
  );
  const remove = database.prepare<object>("DELETE FROM reader WHERE name = @name AND name <> ''");
  const secret = () => randomBytes(32).toString("hex");
  insert.run({ name: "", hash: "", scopes: "[]", secret: secret() });

  return {
    reads: {
      readerOf: ({ hash }: { readonly hash: string }): ReaderRow | null => toReader(byHash.get({ hash })),
      anonymousReader: (_: null): ReaderRow => {
        const found = toReader(byName.get({ name: "" }));
        if (!found) throw new Error("the reader without a name is always there");
        return found;
      },
      readers: (_: null): readonly Omit<ReaderRow, "secret">[] =>
        all.all().flatMap((row) => {
          const { name, scopes } = toReader(row) as ReaderRow;
          return { name, scopes };
        }),
    },
    writes: {
      /** False when the name is taken. */
      addReader: (reader: {
        readonly name: string;
        readonly hash: string;
        readonly scopes: readonly Scope[];
      }): boolean => insert.run({ ...reader, scopes: JSON.stringify(reader.scopes), secret: secret() }).changes === 1,
      removeReader: ({ name }: { readonly name: string }): boolean => remove.run({ name }).changes === 1,
    },
  };
}

function toReader(row: StoredReader | undefined): ReaderRow | null {
  return row ? { name: row.name, secret: row.secret, scopes: JSON.parse(row.scopes) as readonly Scope[] } : null;
}
