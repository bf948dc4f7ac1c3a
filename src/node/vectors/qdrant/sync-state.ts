import { randomBytes, randomUUID } from "node:crypto";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** How far the index followed the journal. */
export interface Progress {
  /** The last change of the journal that the index has. */
  readonly applied: number;
  /** What the index's marker said when it got there; made anew with every step. */
  readonly stamp: string;
  /** False while the index is compared with the journal: nothing may be answered from it then. */
  readonly ready: boolean;
}

interface Row {
  readonly journal: string;
  readonly salt: Uint8Array;
  readonly applied: number;
  readonly stamp: string;
  readonly ready: number;
}

/** The progress as every process of the folder sees it. A write is on disk when it returns. */
export class SyncState {
  /** Names this journal for ever: an index belongs to one. */
  readonly journal: string;
  /** Keys the terms in the index, so that who reads the index cannot guess what they stand for. */
  readonly salt: Uint8Array;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: SqliteDatabase) {
    this.#statements = prepare(database);
    this.#statements.create.run(randomUUID(), randomBytes(16), randomUUID());
    const { journal, salt } = this.#row();
    this.journal = journal;
    this.salt = salt;
  }

  read(): Progress {
    const { applied, stamp, ready } = this.#row();
    return { applied, stamp, ready: ready === 1 };
  }

  write({ applied, stamp, ready }: Progress): void {
    this.#statements.write.run(applied, stamp, ready ? 1 : 0);
  }

  /** Nothing is answered from the index until it was compared with the journal. */
  distrust(): void {
    this.#statements.distrust.run();
  }

  #row(): Row {
    const row = this.#statements.read.get();
    if (!row) throw new Error("the index's progress is not there");
    return row;
  }
}

function prepare(database: SqliteDatabase) {
  return {
    create: database.prepare<[string, Uint8Array, string]>(
      `INSERT INTO vector_index (one, journal, salt, applied, stamp, ready) VALUES (1, ?, ?, 0, ?, 0)
      ON CONFLICT DO NOTHING`,
    ),
    read: database.prepare<[], Row>("SELECT journal, salt, applied, stamp, ready FROM vector_index"),
    write: database.prepare<[number, string, number]>("UPDATE vector_index SET applied = ?, stamp = ?, ready = ?"),
    distrust: database.prepare<[]>("UPDATE vector_index SET ready = 0"),
  };
}
