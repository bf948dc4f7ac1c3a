import { hash } from "node:crypto";
import type { Memory, MemoryId, Metadata } from "../memory.ts";

/** A memory as the database joins it with its namespace and its content. */
export interface MemoryRow {
  readonly row: number;
  readonly id: string;
  readonly namespace: number;
  readonly name: string;
  readonly visibility: "private" | "public";
  /** Who shares the namespace with this wallet; null where it is its own. */
  readonly owner: string | null;
  /** `writeContent`'s JSON. */
  readonly content: string;
  readonly seq: number;
  readonly at: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly replaces: string | null;
}

/** Selects `MemoryRow`s; a condition on `m` (memory) and `n` (namespace) follows. */
export const SELECT_MEMORY = `SELECT m.row, m.id, m.namespace, n.name, n.visibility, n.owner, CAST(c.bytes AS TEXT) AS content,
  m.seq, m.at, m.created_at, m.expires_at, m.replaces
  FROM memory m JOIN namespace n ON n.id = m.namespace JOIN content c ON c.id = m.content`;

/** What a person gave: everything of a memory that must leave no byte behind. */
export interface Content {
  readonly text: string;
  readonly speaker?: string | undefined;
  readonly session: string;
  readonly metadata: Metadata;
  /** Opens the archived file that the memory describes; it is in no answer (design: forget). */
  readonly archiveKey?: string | undefined;
}

/** `metadata` is JSON text of an object. */
export function writeContent(content: Omit<Content, "metadata"> & { readonly metadata: string }): Buffer {
  const { text, speaker = null, session, metadata, archiveKey } = content;
  const key = archiveKey === undefined ? "" : `,${JSON.stringify(archiveKey)}`;
  return Buffer.from(`${JSON.stringify([text, speaker, session]).slice(0, -1)},${metadata}${key}]`, "utf8");
}

export function readContent(json: string): Content {
  const [text, speaker, session, metadata, archiveKey] = JSON.parse(json) as [
    string,
    string | null,
    string,
    Metadata,
    string?,
  ];
  return {
    ...{ text, session, metadata },
    ...(speaker === null ? {} : { speaker }),
    ...(archiveKey === undefined ? {} : { archiveKey }),
  };
}

export function asMemory(row: MemoryRow): Memory {
  const { archiveKey: _, ...content } = readContent(row.content);
  return {
    id: row.id as MemoryId,
    namespace: row.name,
    visibility: row.visibility,
    ...(content as typeof content & { readonly speaker?: string }),
    seq: row.seq,
    at: row.at,
    createdAt: row.created_at,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.replaces === null ? {} : { replaces: row.replaces as MemoryId }),
  };
}

/**
 * A term's or a session's number in the index: 48 bits of its SHA-256. Index entries move between pages and leave
 * copies behind, so they must not spell what was said. Two that fall together only share an entry.
 */
export function indexNumber(text: string): number {
  return hash("sha256", text, "buffer").readUIntBE(0, 6);
}
