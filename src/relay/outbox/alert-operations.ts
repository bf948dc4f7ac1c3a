import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";

/** What a person is told; the same text is sent until it arrives (spec 14.9). */
export interface FailureAlert {
  readonly state: "firing" | "resolved";
  readonly consecutiveFailures: number;
  readonly firstFailureAt: number;
  readonly lastError: string;
}

/** How attempts went, kept across restarts. */
export interface AttemptRecord {
  /** Failed attempts since the last success, of all submissions together. */
  readonly failures: number;
  readonly firstFailureAt: number;
  readonly lastError: string;
  /** The count a person was last told of; 0: nothing is firing. */
  readonly announced: number;
  /** Not yet delivered to the webhook. */
  readonly unsent: FailureAlert | null;
  /** How much the receiver's clock is ahead of ours, in ms: the latest measurements, oldest first. */
  readonly skews: readonly number[];
}

const KEY = "attempts";
const FIRST_ALERT = 3;
const SKEWS = 20;
const nothing: AttemptRecord = {
  failures: 0,
  firstFailureAt: 0,
  lastError: "",
  announced: 0,
  unsent: null,
  skews: [],
};

/** Counts outcomes of attempts, on a database with `outboxMigrations`. */
export function alertOperations(database: SqliteDatabase) {
  const find = database.prepare<[string], string>("SELECT value FROM relay_state WHERE key = ?").pluck();
  const keep = database.prepare(
    "INSERT INTO relay_state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  const read = (): AttemptRecord => ({ ...nothing, ...(JSON.parse(find.get(KEY) ?? "{}") as Partial<AttemptRecord>) });
  const write = (record: AttemptRecord): void => {
    keep.run(KEY, JSON.stringify(record));
  };

  return {
    reads: { attempts: read },
    writes: {
      /** `code` null: it was delivered. Returns what a person should hear now: the third failure, each doubling, the end. */
      noteOutcome: ({ code, now }: { readonly code: string | null; readonly now: number }): FailureAlert | null => {
        const before = read();
        if (code === null) {
          const alert = before.announced > 0 ? alertOf("resolved", before) : null;
          write({ ...before, failures: 0, firstFailureAt: 0, announced: 0, unsent: alert ?? before.unsent });
          return alert;
        }
        const failures = before.failures + 1;
        const record = { ...before, failures, lastError: code, firstFailureAt: before.firstFailureAt || now };
        const fires = failures >= (before.announced === 0 ? FIRST_ALERT : 2 * before.announced);
        const alert = fires ? alertOf("firing", record) : null;
        write({ ...record, announced: fires ? failures : before.announced, unsent: alert ?? before.unsent });
        return alert;
      },
      alertSent: (): void => write({ ...read(), unsent: null }),
      noteSkew: ({ ms }: { readonly ms: number }): void => {
        const record = read();
        write({ ...record, skews: [...record.skews, ms].slice(-SKEWS) });
      },
    },
  };
}

function alertOf(state: FailureAlert["state"], record: AttemptRecord): FailureAlert {
  const { failures: consecutiveFailures, firstFailureAt, lastError } = record;
  return { state, consecutiveFailures, firstFailureAt, lastError };
}
