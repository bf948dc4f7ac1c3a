import { dedupeKey } from "../../../crypto/dedupe-key.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { splitText } from "../chunking.ts";
import { indexPiece } from "../recall/terms.ts";
import { contentAppender } from "./content.ts";
import { asMemory, indexNumber, type MemoryRow, SELECT_MEMORY, writeContent } from "./memory-rows.ts";

/** A memory as it is to stand in the database. */
export interface MemoryToInsert {
  readonly id: string;
  readonly namespace: { readonly id: number };
  readonly text: string;
  readonly speaker?: string | undefined;
  /** JSON text. */
  readonly metadata: string;
  readonly session: string;
  /** The next of the session when absent. */
  readonly seq?: number | undefined;
  readonly at: number;
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
  readonly replaces?: string | undefined;
  /** See `Content`. */
  readonly archiveKey?: string | undefined;
  /** Null when another memory has this content. */
  readonly dedupe: Uint8Array | null;
  /** Whether miners have to be told of it. */
  readonly journal: boolean;
}

/** What makes two memories the same one. */
export function contentKey(
  namespace: string,
  content: Pick<MemoryToInsert, "session" | "speaker" | "text" | "metadata">,
): Uint8Array {
  const { session, speaker, text } = content;
  return dedupeKey({ namespace, session, speaker, text, metadata: JSON.parse(content.metadata) });
}

/** Inserts memory, pieces, postings, journal rows and the change; returns the pieces, which wait for their vectors. */
export function createInsert(database: SqliteDatabase): (memory: MemoryToInsert) => readonly number[] {
  const nextSeq = database
    .prepare<[number, number], number>(
      "SELECT coalesce(max(seq), 0) + 1 FROM memory WHERE namespace = ? AND session = ?",
    )
    .pluck();
  const append = contentAppender(database);
  const insertMemory = database.prepare(
    `INSERT INTO memory (id, namespace, content, session, seq, at, created_at, expires_at, replaces, dedupe)
     VALUES (@id, @namespace, @content, @session, @seq, @at, @createdAt, @expiresAt, @replaces, @dedupe)`,
  );
  const select = database.prepare<[number | bigint], MemoryRow>(`${SELECT_MEMORY} WHERE m.row = ?`);
  const insertRecord = database.prepare(
    "INSERT INTO record (memory_id, part, kind, namespace, created_at) VALUES (?, ?, 'memory', ?, ?)",
  );
  const change = database.prepare("INSERT INTO change (namespace, memory, kind) VALUES (?, ?, 'stored')");
  const insertPieces = createInsertPieces(database);

  return ({ namespace, journal, ...memory }) => {
    const { id, at, createdAt, dedupe } = memory;
    const session = indexNumber(memory.session);
    const { lastInsertRowid } = insertMemory.run({
      ...{ id, at, createdAt, dedupe, session },
      namespace: namespace.id,
      content: append(writeContent(memory)),
      seq: memory.seq ?? nextSeq.get(namespace.id, session) ?? 1,
      expiresAt: memory.expiresAt ?? null,
      replaces: memory.replaces ?? null,
    });
    const row = select.get(lastInsertRowid) as MemoryRow;
    const pieces = insertPieces(row);
    if (journal) for (const part of pieces.keys()) insertRecord.run(row.id, part, row.namespace, row.created_at);
    change.run(row.namespace, row.row);
    return pieces;
  };
}

function createInsertPieces(database: SqliteDatabase): (row: MemoryRow) => readonly number[] {
  const insertPiece = database.prepare(
    `INSERT INTO piece (memory, namespace, part, start, stop, length, terms, traits)
     VALUES (@memory, @namespace, @part, @start, @stop, @length, @terms, @traits)`,
  );
  const insertPosting = database.prepare("INSERT INTO posting (namespace, term, piece, count) VALUES (?, ?, ?, ?)");

  return (row) => {
    const { text: whole, metadata, visibility, ...envelope } = asMemory(row);
    const { speaker } = envelope;
    return splitText(whole, { visibility, metadata, envelope }).map(({ start, stop }, part) => {
      const { terms, length, traits } = indexPiece({ text: whole.slice(start, stop), speaker, at: row.at });
      const numbers = termNumbers(terms);
      const { memory, namespace } = { memory: row.row, namespace: row.namespace };
      const piece = insertPiece.run({ memory, namespace, part, start, stop, length, terms: numbers.size, traits });
      for (const [term, count] of numbers) insertPosting.run(namespace, term, piece.lastInsertRowid, count);
      return Number(piece.lastInsertRowid);
    });
  };
}

/** A piece's terms as the index has them. */
export function termNumbers(terms: ReadonlyMap<string, number>): ReadonlyMap<number, number> {
  const numbers = new Map<number, number>();
  for (const [term, count] of terms) {
    const number = indexNumber(term);
    numbers.set(number, (numbers.get(number) ?? 0) + count);
  }
  return numbers;
}
