import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { NamespaceInfo } from "../memory.ts";

export interface NewNamespace {
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly plainName: boolean;
  readonly remoteSearch?: boolean;
  /** Of a restore that leaves the memories at the miners. */
  readonly keysOnly?: boolean;
  readonly now: number;
}

/** A namespace as the journal's users need it. */
export interface StoredNamespace {
  readonly id: number;
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plainName: boolean;
  readonly remoteSearch: boolean;
  readonly createdAt: number;
}

interface NamespaceRow {
  readonly id: number;
  readonly name: string;
  readonly wire_name: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plain_name: 0 | 1;
  readonly remote_search: 0 | 1;
  readonly created_at: number;
}

interface CountedRow {
  readonly name: string;
  readonly visibility: "private" | "public";
  readonly plain_name: 0 | 1;
  readonly remote_search: 0 | 1;
  readonly memories: number;
  readonly last_write: number | null;
}

export function namespaceOperations(database: SqliteDatabase) {
  // The loser of a race finds the winner's: both derived the same wire name.
  const insert = database.prepare(
    `INSERT INTO namespace (name, wire_name, visibility, plain_name, remote_search, keys_only, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
  );
  const fill = database.prepare("UPDATE namespace SET keys_only = 0 WHERE name = ? AND keys_only = 1");
  const elsewhere = database.prepare<[], NamespaceRow>(
    "SELECT * FROM namespace WHERE remote_search = 1 AND keys_only = 1 ORDER BY name",
  );
  const byName = database.prepare<[string], NamespaceRow>("SELECT * FROM namespace WHERE name = ?");
  const counted = database.prepare<[number], CountedRow>(
    `SELECT n.name, n.visibility, n.plain_name, n.remote_search, count(m.row) AS memories, max(m.created_at) AS last_write
     FROM namespace n
     LEFT JOIN memory m ON m.namespace = n.id AND (m.expires_at IS NULL OR m.expires_at > ?)
     GROUP BY n.id ORDER BY n.name`,
  );

  return {
    reads: {
      namespace: (name: string): StoredNamespace | undefined => {
        const row = byName.get(name);
        return row && asStored(row);
      },
      /** Those whose memories this home has to ask miners for. */
      searchedRemotely: (_: null): readonly StoredNamespace[] => elsewhere.all().map(asStored),
      namespaces: ({ now }: { readonly now: number }): readonly NamespaceInfo[] => counted.all(now).map(asInfo),
    },
    writes: {
      createNamespace: (made: NewNamespace): StoredNamespace => {
        const { name, wireName, visibility, plainName, remoteSearch = false, keysOnly = false, now } = made;
        insert.run(name, wireName, visibility, ...[plainName, remoteSearch, keysOnly].map(Number), now);
        if (!keysOnly) fill.run(name);
        return asStored(byName.get(name) as NamespaceRow);
      },
    },
  };
}

function asStored(row: NamespaceRow): StoredNamespace {
  const { id, name, visibility, epoch } = row;
  const rest = { wireName: row.wire_name, plainName: row.plain_name === 1, createdAt: row.created_at };
  const remoteSearch = row.remote_search === 1;
  return { id, name, visibility, epoch, remoteSearch, ...rest };
}

function asInfo(row: CountedRow): NamespaceInfo {
  return {
    name: row.name,
    visibility: row.visibility,
    memories: row.memories,
    ...(row.last_write === null ? {} : { lastWrite: row.last_write }),
    ...(row.plain_name === 1 ? { plainName: true } : {}),
    ...(row.remote_search === 1 ? { remoteSearch: true } : {}),
  };
}
