import type { SqliteDatabase } from "../../runtime/sqlite.ts";

export interface LeaseRequest {
  readonly task: string;
  /** Unique per process and run. */
  readonly holder: string;
  readonly now: number;
}

/** A holder that did not renew for so long is taken for dead. */
const LEASE_MS = 15_000;

/**
 * Background work runs only under its task's lease, so that any number of processes may share one folder. Every write
 * runs in an IMMEDIATE transaction: two processes never both get one.
 */
export function leaseOperations(database: SqliteDatabase) {
  const take = database.prepare(
    `INSERT INTO lease (task, holder, expires) VALUES (@task, @holder, @expires)
     ON CONFLICT (task) DO UPDATE SET holder = @holder, expires = @expires
     WHERE lease.holder = @holder OR lease.expires <= @now OR lease.expires > @now + ${2 * LEASE_MS}`,
  );
  const renew = database.prepare(
    "UPDATE lease SET expires = @expires WHERE task = @task AND holder = @holder AND expires > @now",
  );
  const release = database.prepare("DELETE FROM lease WHERE task = ? AND holder = ?");

  return {
    reads: {},
    writes: {
      /**
       * True when the lease is the caller's now. One that ends impossibly late was written before the clock was set
       * back, and counts as ended.
       */
      acquireLease: ({ task, holder, now }: LeaseRequest): boolean =>
        take.run({ task, holder, now, expires: now + LEASE_MS }).changes === 1,
      /** False when it was lost: stop, and do nothing more outside. */
      renewLease: ({ task, holder, now }: LeaseRequest): boolean =>
        renew.run({ task, holder, now, expires: now + LEASE_MS }).changes === 1,
      releaseLease: ({ task, holder }: { readonly task: string; readonly holder: string }): void => {
        release.run(task, holder);
      },
    },
  };
}
