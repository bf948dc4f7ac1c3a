import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { NamespaceInfo } from "../memory.ts";

export interface NewNamespace {
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly plainName: boolean;
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
  readonly createdAt: number;
}

interface NamespaceRow {
  readonly id: number;
  readonly name: string;
  readonly wire_name: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plain_name: 0 | 1;
  readonly created_at: number;
}

interface CountedRow {
  readonly name: string;
  readonly visibility: "private" | "public";
  readonly plain_name: 0 | 1;
  readonly memories: number;
  readonly last_write: number | null;
}

export function namespaceOperations(database: SqliteDatabase) {
  // The loser of a race finds the winner's: both derived the same wire name.
  const insert = database.prepare(
    `INSERT INTO namespace (name, wire_name, visibility, plain_name, created_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (name) DO NOTHING`,
  );
  const byName = database.prepare<[string], NamespaceRow>("SELECT * FROM namespace WHERE name = ?");
  const counted = database.prepare<[number], CountedRow>(
    `SELECT n.name, n.visibility, n.plain_name, count(m.row) AS memories, max(m.created_at) AS last_write
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
      namespaces: ({ now }: { readonly now: number }): readonly NamespaceInfo[] => counted.all(now).map(asInfo),
    },
    writes: {
      createNamespace: ({ name, wireName, visibility, plainName, now }: NewNamespace): StoredNamespace => {
        insert.run(name, wireName, visibility, plainName ? 1 : 0, now);
        return asStored(byName.get(name) as NamespaceRow);
      },
    },
  };
}

function asStored(row: NamespaceRow): StoredNamespace {
  const { id, name, visibility, epoch } = row;
  const rest = { wireName: row.wire_name, plainName: row.plain_name === 1, createdAt: row.created_at };
  return { id, name, visibility, epoch, ...rest };
}

function asInfo(row: CountedRow): NamespaceInfo {
  return {
    name: row.name,
    visibility: row.visibility,
    memories: row.memories,
    ...(row.last_write === null ? {} : { lastWrite: row.last_write }),
    ...(row.plain_name === 1 ? { plainName: true } : {}),
  };
}
