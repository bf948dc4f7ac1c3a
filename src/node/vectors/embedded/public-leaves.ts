import { hashOfEmbeddingBytes } from "../../../crypto/embedding-hash.ts";
import { type MerkleProof, MerkleTree, merkleLeaf } from "../../../crypto/merkle.ts";
import { PUBLIC_NAMESPACE } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** Rows read in one go: longer reads would keep the log from being erased after a delete. */
const PAGE_ROWS = 2_000;

interface LeafRow {
  readonly id: number;
  readonly cid: string;
  readonly embedding: Uint8Array;
}

interface Change {
  readonly record: number;
  readonly added: number;
}

/**
 * The Merkle tree of the public records in a vector store's file (spec 4). Private ones are never in it: who could ask
 * for a proof of one would learn that it is there (M-W25). A cache of the file: read whole at the first question, and
 * brought up to date from the change log before every other, whichever process wrote.
 */
export class PublicLeaves {
  readonly #database: SqliteDatabase;
  readonly #statements: ReturnType<typeof prepare>;
  /** By row: a removed one is no longer there to be asked for its leaf. */
  readonly #leaves = new Map<number, string>();
  #tree = new MerkleTree();
  #seen: number | undefined;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** As of everything that was committed before the call; `proof` is of `leaf`, when it is there. */
  snapshot(leaf?: { readonly cid: string; readonly embeddingHash: string }): LeafSnapshot {
    if (!this.#catchUp()) this.#load();
    const proof = leaf && this.#tree.prove(merkleLeaf(leaf.cid, leaf.embeddingHash));
    return { root: this.#tree.root(), count: this.#tree.count, proof: proof ?? null };
  }

  #load(): void {
    this.#leaves.clear();
    this.#tree = new MerkleTree();
    // What is committed while the pages are read is in a later page, or in the log after `head`, or in both.
    this.#seen = this.#statements.head.get() ?? 0;
    for (let after = 0; ; ) {
      const page = this.#statements.page.all(PUBLIC_NAMESPACE, after, PAGE_ROWS);
      for (const row of page) this.#add(row);
      if (page.length < PAGE_ROWS) break;
      after = page.at(-1)?.id ?? after;
    }
    if (!this.#catchUp()) this.#load();
  }

  /** False when it has to be read anew: changes it has not seen were trimmed. */
  #catchUp(): boolean {
    if (this.#seen === undefined) return false;
    const seen = this.#seen;
    // One snapshot: the log must not be trimmed between its parts.
    return this.#database.transaction(() => {
      const head = this.#statements.head.get() ?? 0;
      if (head === seen) return true;
      if ((this.#statements.tail.get() ?? 0) > seen + 1) return false;
      for (const { record, added } of this.#statements.changes.all(PUBLIC_NAMESPACE, seen)) {
        if (added === 0) this.#remove(record);
        else for (const row of this.#statements.row.all(record)) this.#add(row);
      }
      this.#seen = head;
      return true;
    })();
  }

  #add({ id, cid, embedding }: LeafRow): void {
    const leaf = merkleLeaf(cid, hashOfEmbeddingBytes(embedding));
    this.#leaves.set(id, leaf);
    this.#tree.add(leaf);
  }

  #remove(id: number): void {
    const leaf = this.#leaves.get(id);
    if (leaf === undefined) return;
    this.#leaves.delete(id);
    this.#tree.remove(leaf);
  }
}

/** Root, count and proof of one state of the records. */
export interface LeafSnapshot {
  /** 64 hex digits. */
  readonly root: string;
  readonly count: number;
  readonly proof: MerkleProof | null;
}

function prepare(database: SqliteDatabase) {
  const leaf = `SELECT id, cid, vector AS embedding FROM record JOIN record_embedding AS e ON e.record = id`;
  return {
    head: database.prepare<[], number | null>("SELECT max(seq) FROM change").pluck(),
    tail: database.prepare<[], number | null>("SELECT min(seq) FROM change").pluck(),
    changes: database.prepare<[string, number], Change>(
      "SELECT record, added FROM change WHERE namespace = ? AND seq > ? ORDER BY seq",
    ),
    page: database.prepare<[string, number, number], LeafRow>(
      `${leaf} WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    row: database.prepare<[number], LeafRow>(`${leaf} WHERE id = ?`),
  };
}
