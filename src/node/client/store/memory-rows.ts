import type { Memory, MemoryId, Metadata } from "../memory.ts";

/** A memory as the database joins it with its namespace. */
export interface MemoryRow {
  readonly row: number;
  readonly id: string;
  readonly namespace: number;
  readonly name: string;
  readonly visibility: "private" | "public";
  readonly text: string;
  readonly speaker: string | null;
  readonly metadata: string;
  readonly session: string;
  readonly seq: number;
  readonly at: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly replaces: string | null;
}

/** Selects `MemoryRow`s; a condition on `m` (memory) and `n` (namespace) follows. */
export const SELECT_MEMORY = `SELECT m.row, m.id, m.namespace, n.name, n.visibility, m.text, m.speaker, m.metadata,
  m.session, m.seq, m.at, m.created_at, m.expires_at, m.replaces
  FROM memory m JOIN namespace n ON n.id = m.namespace`;

export function asMemory(row: MemoryRow): Memory {
  return {
    id: row.id as MemoryId,
    namespace: row.name,
    visibility: row.visibility,
    text: row.text,
    ...(row.speaker === null ? {} : { speaker: row.speaker }),
    metadata: JSON.parse(row.metadata) as Metadata,
    session: row.session,
    seq: row.seq,
    at: row.at,
    createdAt: row.created_at,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.replaces === null ? {} : { replaces: row.replaces as MemoryId }),
  };
}
