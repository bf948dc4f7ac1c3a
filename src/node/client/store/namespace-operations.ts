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
  /** Of a restore: what is written from now on is sealed in this epoch. */
  readonly epoch?: number;
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
  /** Who shares it with this wallet, which may only read it. Absent: it is the wallet's own. */
  readonly owner?: string;
}

export interface NamespaceRow {
  readonly id: number;
  readonly name: string;
  readonly wire_name: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plain_name: 0 | 1;
  readonly remote_search: 0 | 1;
  readonly created_at: number;
  readonly owner: string | null;
}

interface CountedRow {
  readonly name: string;
  readonly visibility: "private" | "public";
  readonly plain_name: 0 | 1;
  readonly remote_search: 0 | 1;
  readonly memories: number;
  readonly last_write: number | null;
  readonly owner: string | null;
  readonly expires_at: number | null;
  readonly readers: number;
}

export function namespaceOperations(database: SqliteDatabase) {
  // The loser of a race finds the winner's: both derived the same wire name.
  const insert = database.prepare(
    `INSERT INTO namespace (name, wire_name, visibility, plain_name, remote_search, keys_only, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
  );
  const fill = database.prepare("UPDATE namespace SET keys_only = 0 WHERE name = ? AND keys_only = 1");
  const advance = database.prepare("UPDATE namespace SET epoch = max(epoch, ?) WHERE name = ? AND owner IS NULL");
  const elsewhere = database.prepare<[], NamespaceRow>(
    "SELECT * FROM namespace WHERE remote_search = 1 AND keys_only = 1 ORDER BY name",
  );
  const byName = database.prepare<[string], NamespaceRow>("SELECT * FROM namespace WHERE name = ?");
  const counted = database.prepare<[{ now: number }], CountedRow>(
    `SELECT n.name, n.visibility, n.plain_name, n.remote_search, count(m.row) AS memories, max(m.created_at) AS last_write,
       n.owner, s.expires_at, (SELECT count(DISTINCT g.reader) FROM given_grant g
         WHERE g.namespace = n.id AND g.ended_at IS NULL AND g.expires_at > @now) AS readers
     FROM namespace n
     LEFT JOIN shared_namespace s ON s.namespace = n.id
     LEFT JOIN memory m ON m.namespace = n.id AND (m.expires_at IS NULL OR m.expires_at > @now)
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
      namespaces: ({ now }: { readonly now: number }): readonly NamespaceInfo[] => counted.all({ now }).map(asInfo),
    },
    writes: {
      createNamespace: (made: NewNamespace): StoredNamespace => {
        const { name, wireName, visibility, plainName, remoteSearch = false, keysOnly = false, epoch = 0, now } = made;
        insert.run(name, wireName, visibility, ...[plainName, remoteSearch, keysOnly].map(Number), now);
        if (!keysOnly) fill.run(name);
        if (epoch > 0) advance.run(epoch, name);
        return asStored(byName.get(name) as NamespaceRow);
      },
    },
  };
}

export function asStored(row: NamespaceRow): StoredNamespace {
  const { id, name, visibility, epoch, owner } = row;
  const rest = { wireName: row.wire_name, plainName: row.plain_name === 1, createdAt: row.created_at };
  const remoteSearch = row.remote_search === 1;
  return { id, name, visibility, epoch, remoteSearch, ...rest, ...(owner === null ? {} : { owner }) };
}

function asInfo(row: CountedRow): NamespaceInfo {
  return {
    name: row.name,
    visibility: row.visibility,
    memories: row.memories,
    ...(row.last_write === null ? {} : { lastWrite: row.last_write }),
    ...(row.plain_name === 1 ? { plainName: true } : {}),
    ...(row.remote_search === 1 ? { remoteSearch: true } : {}),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(row.expires_at === null ? {} : { grantExpiresAt: row.expires_at }),
    ...(row.readers === 0 ? {} : { readers: row.readers }),
  };
}
