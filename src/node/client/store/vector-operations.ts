import type { EmbeddingProfile } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { Piece } from "../recall/corpus.ts";
import { embeddingText } from "../recall/embedding-text.ts";
import { contentAppender } from "./content.ts";
import { readContent } from "./memory-rows.ts";

/** What is to be embedded for a piece. */
export interface PieceToEmbed {
  readonly piece: number;
  readonly text: string;
}

/** A piece's vector; null when the model refuses its text (it is found by its terms alone, and not tried again). */
export interface PieceVector {
  readonly piece: number;
  readonly vector: Float32Array | null;
}

interface PieceRow {
  readonly id: number;
  readonly content: string;
  readonly start: number;
  readonly stop: number;
  readonly at: number;
}

const SELECT_PIECE = `SELECT p.id, m.at, CAST(c.bytes AS TEXT) AS content, p.start, p.stop
  FROM piece p JOIN memory m ON m.row = p.memory JOIN content c ON c.id = m.content`;

export function vectorOperations(database: SqliteDatabase) {
  const profiles = profileNumbers(database);
  const piece = database.prepare<[number], PieceRow>(`${SELECT_PIECE} WHERE p.id = ?`);
  const awaiting = database
    .prepare<[Record<string, unknown>], number>(
      `SELECT p.id FROM piece p JOIN memory m ON m.row = p.memory
       WHERE p.id > @after AND profile IS NULL AND m.created_at <= @before ORDER BY p.id LIMIT @limit`,
    )
    .pluck();
  const countAwaiting = database.prepare<[], number>("SELECT count(*) FROM piece WHERE profile IS NULL").pluck();
  const other = "(profile < @profile OR profile > @profile)";
  const ofOthers = database
    .prepare<[Record<string, unknown>], number>(
      `SELECT id FROM piece WHERE id > @after AND ${other} ORDER BY id LIMIT @limit`,
    )
    .pluck();
  const countOfOthers = database
    .prepare<[Record<string, unknown>], number>(`SELECT count(*) FROM piece WHERE ${other}`)
    .pluck();
  const mark = database.prepare<[{ profile: number; id: number }], { memory: number; namespace: number }>(
    "UPDATE piece SET profile = @profile WHERE id = @id AND profile IS NOT @profile RETURNING memory, namespace",
  );
  const append = contentAppender(database);
  const put = database.prepare("INSERT INTO vector (piece, profile, content) VALUES (?, ?, ?)");
  const drop = database.prepare("DELETE FROM vector WHERE piece = ?");
  const change = database.prepare("INSERT INTO change (namespace, memory, kind) VALUES (?, ?, 'embedded')");

  return {
    reads: {
      /** Texts of these pieces, in order; one that was deleted meanwhile or has its vector already is left out. */
      piecesToEmbed: (input: { readonly pieces: readonly number[] }): readonly PieceToEmbed[] =>
        input.pieces.flatMap((id) => {
          const row = piece.get(id);
          return row ? [{ piece: id, text: embeddingText(withText(row)) }] : [];
        }),
      /** Pieces that were never embedded, by number, for whoever holds the lease. */
      awaitingVectors: (input: {
        readonly after: number;
        readonly limit: number;
        /** Of memories stored until then: younger ones are still in the hands of who stored them. */
        readonly before: number;
      }): readonly number[] => awaiting.all(input),
      countAwaitingVectors: (_: null): number => countAwaiting.get() ?? 0,
      /** Pieces that another profile's model embedded: nobody but `engram reindex` makes their vectors anew. */
      piecesOfOtherProfiles: (input: {
        readonly profile: EmbeddingProfile;
        readonly after: number;
        readonly limit: number;
      }): readonly number[] => {
        const { after, limit } = input;
        return ofOthers.all({ profile: profiles.find(input.profile) ?? -1, after, limit });
      },
      countOfOtherProfiles: (input: { readonly profile: EmbeddingProfile }): number =>
        countOfOthers.get({ profile: profiles.find(input.profile) ?? -1 }) ?? 0,
    },
    writes: {
      putVectors: (input: { readonly profile: EmbeddingProfile; readonly vectors: readonly PieceVector[] }): void => {
        const profile = profiles.make(input.profile);
        const memories = new Map<number, number>();
        for (const { piece: id, vector } of input.vectors) {
          // Forgotten meanwhile (a vector must not outlive its text), or embedded by another process.
          const row = mark.get({ profile, id });
          if (!row) continue;
          memories.set(row.memory, row.namespace);
          drop.run(id);
          if (!vector) continue;
          const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
          put.run(id, profile, append(bytes));
        }
        for (const [memory, namespace] of memories) change.run(namespace, memory);
      },
    },
  };
}

function withText({ content, start, stop, at }: PieceRow): Piece {
  const { text, speaker } = readContent(content);
  return { text: text.slice(start, stop), speaker, at };
}

/** Profiles by number; a vector's profile stands beside it, because vectors of different ones are never compared. */
export function profileNumbers(database: SqliteDatabase) {
  const find = database
    .prepare<[string, number, number], number>("SELECT id FROM profile WHERE model = ? AND dim = ? AND normalized = ?")
    .pluck();
  const insert = database.prepare("INSERT OR IGNORE INTO profile (model, dim, normalized) VALUES (?, ?, ?)");
  const values = ({ model, dim, normalized }: EmbeddingProfile) => [model, dim, normalized ? 1 : 0] as const;
  return {
    find: (profile: EmbeddingProfile): number | undefined => find.get(...values(profile)),
    /** Within a write alone. */
    make: (profile: EmbeddingProfile): number => {
      insert.run(...values(profile));
      return find.get(...values(profile)) as number;
    },
  };
}
