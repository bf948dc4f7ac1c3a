import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { CopyAtMiner, Placement } from "../memory.ts";

/** Copies that are listed of one memory: three of each part of a long one, and those of miners that left. */
const MAX_COPIES = 200;
const MAX_MINERS = 1_000;

/** Where records lie, as the journal has it. */
export function copyOperations(database: SqliteDatabase) {
  const ofMemory = database.prepare<[string, number], CopyAtMiner>(
    `SELECT d.miner_hotkey AS miner, r.part, d.state, d.cid, a.at AS askedAt, a.verdict
     FROM record r JOIN delivery d ON d.record = r.id
     LEFT JOIN audit a ON a.record = d.record AND a.miner_hotkey = d.miner_hotkey
     WHERE r.memory_id = ? AND r.kind = 'memory' ORDER BY r.part, d.miner_hotkey LIMIT ?`,
  );
  const byMiner = database.prepare<[number], Placement>(
    `SELECT miner_hotkey AS miner, count(*) FILTER (WHERE state = 'delivered') AS held,
       count(*) FILTER (WHERE state = 'pending') AS waiting, count(*) FILTER (WHERE state = 'deleting') AS deleting
     FROM delivery GROUP BY miner_hotkey ORDER BY held DESC, miner_hotkey LIMIT ?`,
  );
  return {
    reads: {
      /** By part, then miner. */
      copiesOf: ({ id }: { readonly id: string }): readonly CopyAtMiner[] => ofMemory.all(id, MAX_COPIES),
      /** Most first. */
      placement: (_: null): readonly Placement[] => byMiner.all(MAX_MINERS),
    },
  };
}
