import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** Which records of the ground truth miners are known to have taken: by their own word at seeding, or by proof. */
export function heldOperations(database: SqliteDatabase) {
  const select = database.prepare<[string], string>("SELECT cid FROM held_record WHERE miner = ?").pluck();
  const add = database.prepare("INSERT OR IGNORE INTO held_record (miner, cid) VALUES (?, ?)");
  const drop = database.prepare("DELETE FROM held_record WHERE miner = ?");
  return {
    reads: {
      heldBy: ({ miner }: { readonly miner: Hotkey }): readonly string[] => select.all(miner),
    },
    writes: {
      hold: ({ miner, cids }: { readonly miner: Hotkey; readonly cids: readonly string[] }): void => {
        for (const cid of cids) add.run(miner, cid);
      },
    },
    forget: (miner: Hotkey): void => {
      drop.run(miner);
    },
  };
}
