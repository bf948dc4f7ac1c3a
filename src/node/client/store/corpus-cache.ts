import { LRUCache } from "lru-cache";
import { isEngramError } from "../../../crypto/errors.ts";
import type { EmbeddingProfile } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { RowScores, ScanClient } from "../../vectors/scan/scan-client.ts";
import { Corpus, type CorpusPiece } from "./corpus.ts";
import { readContent } from "./memory-rows.ts";
import { profileNumbers } from "./vector-operations.ts";

/** Namespaces held in memory; the one used least recently gives way. */
const NAMESPACE_LIMIT = 64;
/** A cache that is further behind than this loads anew. */
const REPLAY_LIMIT = 20_000;
const VECTORS_PER_LOAD = 2_048;

interface Change {
  readonly seq: number;
  readonly namespace: number;
  readonly memory: number;
  readonly kind: "stored" | "embedded" | "deleted";
}

interface PieceRow extends Omit<CorpusPiece, "speaker"> {
  readonly content: string;
}

interface VectorRow {
  readonly piece: number;
  readonly vector: Uint8Array;
}

interface Loaded {
  readonly corpus: Corpus;
  /** Profile whose vectors the scan holds for this namespace. */
  profile: number | undefined;
}

const SELECT_PIECE = `SELECT p.id AS piece, p.memory, p.part, p.length, p.traits, m.session, m.seq, m.at,
  CAST(c.bytes AS TEXT) AS content, m.expires_at AS expiresAt
  FROM piece p JOIN memory m ON m.row = p.memory JOIN content c ON c.id = m.content`;

/**
 * The namespaces that were asked lately, in memory: their corpus here, their vectors in the scan worker. Kept current
 * through the change log, in which this process's writes and those of others look the same.
 */
export class CorpusCache {
  readonly #database: SqliteDatabase;
  readonly #scan: ScanClient;
  readonly #profiles: ReturnType<typeof profileNumbers>;
  readonly #namespaces: LRUCache<number, Loaded>;
  #applied = 0;

  constructor(database: SqliteDatabase, scan: ScanClient) {
    this.#database = database;
    this.#scan = scan;
    this.#profiles = profileNumbers(database);
    this.#namespaces = new LRUCache({ max: NAMESPACE_LIMIT, dispose: (loaded, id) => this.#unload(id, loaded) });
  }

  /** The namespace as of now. */
  corpus(namespace: number): Corpus {
    return this.#load(namespace).corpus;
  }

  /** Applies what was written since the last call, by whichever process. */
  refresh(): void {
    const newest = this.#newest();
    if (this.#namespaces.size === 0) {
      this.#applied = newest;
      return;
    }
    if (newest === this.#applied) return;
    const changes = this.#database
      .prepare<[number, number], Change>("SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT ?")
      .all(this.#applied, REPLAY_LIMIT + 1);
    // Longer than the limit, or its beginning was pruned: loading anew is shorter and always right.
    const complete = changes[0]?.seq === this.#applied + 1;
    if (!complete || changes.length > REPLAY_LIMIT) {
      this.#namespaces.clear();
      this.#applied = newest;
      return;
    }
    for (const change of changes) this.#apply(change);
    this.#applied = changes.at(-1)?.seq ?? newest;
  }

  /** Scores of the namespace's pieces that have a vector of this profile; none when there is no such vector yet. */
  async scores(namespace: number, profile: EmbeddingProfile, vector: Float32Array): Promise<RowScores> {
    const number = this.#profiles.find(profile);
    if (number === undefined) return { rows: new Float64Array(0), scores: new Float32Array(0) };
    try {
      await this.#loadVectors(namespace, number);
      return await this.#scan.scores(scanKey(namespace, number), vector);
    } catch (error) {
      if (!isEngramError(error, "SCAN_NOT_LOADED") && !isEngramError(error, "SCAN_FAILED")) throw error;
      // The scan holds a copy: after a crash, or when it made room, it is filled again.
      this.#load(namespace).profile = undefined;
      await this.#loadVectors(namespace, number);
      return await this.#scan.scores(scanKey(namespace, number), vector);
    }
  }

  #newest(): number {
    return this.#database.prepare<[], number>("SELECT coalesce(max(seq), 0) FROM change").pluck().get() ?? 0;
  }

  #load(namespace: number): Loaded {
    const known = this.#namespaces.get(namespace);
    if (known) return known;
    const corpus = new Corpus();
    const rows = this.#database.prepare<[number], PieceRow>(`${SELECT_PIECE} WHERE p.namespace = ? ORDER BY p.id`);
    for (const row of rows.iterate(namespace)) corpus.add(withSpeaker(row));
    const loaded: Loaded = { corpus, profile: undefined };
    this.#namespaces.set(namespace, loaded);
    return loaded;
  }

  #apply({ namespace, memory, kind }: Change): void {
    const loaded = this.#namespaces.peek(namespace);
    if (!loaded) return;
    if (kind === "deleted") {
      if (loaded.profile !== undefined) {
        this.#post(loaded, this.#scan.remove(scanKey(namespace, loaded.profile), loaded.corpus.piecesOf(memory)));
      }
      loaded.corpus.remove(memory);
    } else if (kind === "stored") {
      const rows = this.#database.prepare<[number], PieceRow>(`${SELECT_PIECE} WHERE p.memory = ? ORDER BY p.id`);
      for (const row of rows.iterate(memory)) loaded.corpus.add(withSpeaker(row));
    } else if (loaded.profile !== undefined) this.#appendVectors(loaded, namespace, memory, loaded.profile);
  }

  #appendVectors(loaded: Loaded, namespace: number, memory: number, profile: number): void {
    const rows = this.#database
      .prepare<[number, number], VectorRow>(
        `SELECT v.piece, c.bytes AS vector FROM piece p JOIN vector v ON v.piece = p.id JOIN content c ON c.id = v.content
         WHERE p.memory = ? AND v.profile = ?`,
      )
      .all(memory, profile);
    if (rows.length === 0) return;
    const pieces = rows.map((row) => row.piece);
    this.#post(loaded, this.#scan.append(scanKey(namespace, profile), pieces, endToEnd(rows)));
  }

  /** Replaces what the scan holds for the namespace; batches, so that no second copy of all vectors exists. */
  async #loadVectors(namespace: number, profile: number): Promise<void> {
    const loaded = this.#load(namespace);
    if (loaded.profile === profile) return;
    const key = scanKey(namespace, profile);
    // Set first: changes that are applied while this waits are posted behind what was loaded, and stay.
    loaded.profile = profile;
    try {
      await this.#scan.load(key, [], new Float32Array(0));
      for (let after = 0; ; ) {
        const rows = this.#vectorPage(namespace, after, profile);
        const last = rows.at(-1);
        if (!last) return;
        const pieces = rows.map((row) => row.piece);
        await this.#scan.append(key, pieces, endToEnd(rows));
        after = last.piece;
      }
    } catch (error) {
      loaded.profile = undefined;
      throw error;
    }
  }

  #vectorPage(namespace: number, after: number, profile: number): readonly VectorRow[] {
    return this.#database
      .prepare<[number, number, number, number], VectorRow>(
        `SELECT v.piece, c.bytes AS vector FROM piece p JOIN vector v ON v.piece = p.id
           JOIN content c ON c.id = v.content
         WHERE p.namespace = ? AND p.id > ? AND v.profile = ? ORDER BY p.id LIMIT ?`,
      )
      .all(namespace, after, profile, VECTORS_PER_LOAD);
  }

  /** Calls are answered in order, so nobody waits here; one that fails makes the next question load again. */
  #post(loaded: Loaded, call: Promise<void>): void {
    call.catch(() => {
      loaded.profile = undefined;
    });
  }

  #unload(namespace: number, { profile }: Loaded): void {
    if (profile === undefined) return;
    // Freeing memory only: a scan that is gone holds none.
    this.#scan.drop(scanKey(namespace, profile)).catch(() => undefined);
  }
}

function withSpeaker({ content, ...piece }: PieceRow): CorpusPiece {
  return { ...piece, speaker: readContent(content).speaker ?? null };
}

function scanKey(namespace: number, profile: number): string {
  return `${namespace}:${profile}`;
}

function endToEnd(rows: readonly VectorRow[]): Float32Array<ArrayBuffer> {
  const bytes = rows[0]?.vector.byteLength ?? 0;
  const all = new Uint8Array(bytes * rows.length);
  for (const [i, row] of rows.entries()) all.set(row.vector, i * bytes);
  return new Float32Array(all.buffer);
}
