import Database from "better-sqlite3";
import type { Outbox } from "../../../src/relay/outbox/outbox.ts";
import { createOutboxOperations } from "../../../src/relay/outbox/outbox-operations.ts";
import { outboxMigrations } from "../../../src/relay/outbox/outbox-schema.ts";

/** An outbox on this thread, in memory: the product's own operations, each call one transaction. */
export class MemoryOutbox implements Pick<Outbox, "call"> {
  readonly database = new Database(":memory:");
  readonly #operations;

  readonly #within = this.database.transaction((work: () => unknown) => work());
  readonly #empty;
  readonly #next;

  constructor() {
    for (const statements of Object.values(outboxMigrations)) for (const sql of statements) this.database.exec(sql);
    this.#operations = createOutboxOperations(this.database);
    const tables = this.database
      .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .pluck()
      .all();
    this.#empty = tables.map((table) => this.database.prepare(`DELETE FROM ${table}`));
    this.#next = this.database
      .prepare<[], number | null>("SELECT min(next_at) FROM submission WHERE ended_at IS NULL")
      .pluck();
  }

  readonly call: Outbox["call"] = async (operation, input) => {
    const { reads, writes } = this.#operations;
    const all = { ...reads, ...writes } as unknown as Readonly<Record<string, (input: unknown) => unknown>>;
    const run = all[operation];
    if (!run) throw new Error(`no operation ${operation}`);
    return this.#within(() => run(input)) as never;
  };

  /** When the next open submission is due; null without any. */
  nextAt(): number | null {
    return this.#next.get() ?? null;
  }

  clear(): void {
    for (const empty of this.#empty) empty.run();
  }
}
