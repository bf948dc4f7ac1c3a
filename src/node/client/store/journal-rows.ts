export type RecordKind = "memory" | "tombstone" | "directory";

/** Where the small values keep the hotkey of the miner in this folder: it shares the disk, so it counts nowhere. */
export const EMBEDDED_MINER = "embedded-miner";

/** Row 0 stands for the directory namespace, which no person sees: its names derive from the wallet alone. */
export const DIRECTORY_ROW = 0;

export interface JournalNamespace {
  readonly row: number;
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plainName: boolean;
  /** Its records carry obfuscated vectors. */
  readonly remoteSearch: boolean;
}

export interface NamespaceRow {
  readonly row: number;
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plainName: 0 | 1;
  readonly remoteSearch: 0 | 1;
}

export interface RecordRow extends NamespaceRow {
  readonly record: number;
  readonly kind: RecordKind;
  readonly id: string;
  readonly part: number;
  readonly body: string | null;
}

export const NAMESPACE_COLUMNS = `coalesce(n.id, ${DIRECTORY_ROW}) AS row, coalesce(n.name, '') AS name,
  coalesce(n.wire_name, '') AS wireName, coalesce(n.visibility, 'private') AS visibility, coalesce(n.epoch, 0) AS epoch,
  coalesce(n.plain_name, 0) AS plainName, coalesce(n.remote_search, 0) AS remoteSearch`;
export const RECORD_COLUMNS = `r.id AS record, r.kind, r.memory_id AS id, r.part, 
  (SELECT CAST(c.bytes AS TEXT) FROM content c WHERE c.id = r.body) AS body, ${NAMESPACE_COLUMNS}`;
export const RECORD_TABLES = "record r LEFT JOIN namespace n ON n.id = r.namespace";
/** A row's namespace as the journal's users see it. */
export function namespaceOf(row: NamespaceRow): JournalNamespace {
  const { name, wireName, visibility, epoch } = row;
  const flags = { plainName: row.plainName === 1, remoteSearch: row.remoteSearch === 1 };
  return { row: row.row, name, wireName, visibility, epoch, ...flags };
}
