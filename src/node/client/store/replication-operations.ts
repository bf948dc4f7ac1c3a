import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { countStatements } from "./copy-counts.ts";
import { type DeliveryResult, deliveryStatements, type NewDelivery } from "./delivery-statements.ts";
import { publicCopies } from "./public-copies.ts";
import { type BuiltRecords, recordStatements } from "./record-statements.ts";

/** The journal as the replication workers use it. */
export function replicationOperations(database: SqliteDatabase) {
  const records = recordStatements(database);
  const deliveries = deliveryStatements(database);
  const counts = countStatements(database);
  const setValue = database.prepare("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)");

  return {
    reads: {
      waitingRecords: records.waiting,
      /** Whether a pass would find anything: records beyond the cursor, or deliveries due at one of these miners. */
      journalWaits: ({
        after,
        hotkeys,
        now,
      }: {
        readonly after: number;
        readonly hotkeys: readonly string[];
        readonly now: number;
      }) => records.last() > after || deliveries.isDue(hotkeys, now),
      deliveriesWait: ({ hotkeys, now }: { readonly hotkeys: readonly string[]; readonly now: number }) =>
        deliveries.isDue(hotkeys, now),
      copies: counts.copies,
      publicCopies: publicCopies(database),
      impossibleDeletes: counts.impossibleDeletes,
    },
    writes: {
      saveBodies: ({ built, now }: { readonly built: readonly BuiltRecords[]; readonly now: number }): void => {
        for (const one of built) records.saveBodies(one, now);
      },
      /** Gives records to miners and moves the cursor past them, in one step. */
      assign: (input: {
        readonly deliveries: readonly NewDelivery[];
        readonly cursor: { readonly key: string; readonly text: string };
        readonly now: number;
      }): void => {
        for (const one of input.deliveries) deliveries.add(one, input.now);
        setValue.run(input.cursor.key, input.cursor.text);
      },
      /** What a process claimed and left unsettled is due at once: only the holder of the lease may call this. */
      reclaim: ({ now }: { readonly now: number }): number => deliveries.reclaim(now),
      claim: ({ hotkey, limit, now }: { readonly hotkey: string; readonly limit: number; readonly now: number }) =>
        deliveries.claim(hotkey, limit, now),
      settle: ({ results }: { readonly results: readonly DeliveryResult[] }): void => {
        for (const result of results) deliveries.settle(result);
        if (results.some(({ task }) => task === "delete")) records.dropForgotten();
      },
      /** Journals the directory's record of every private namespace that has none yet. */
      describeNamespaces: ({ now }: { readonly now: number }): number => records.describeNamespaces(now),
    },
  };
}
