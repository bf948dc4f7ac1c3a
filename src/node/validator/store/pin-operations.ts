import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** What miners were seen to promise, as text of `CapabilityPin`. */
export function pinOperations(database: SqliteDatabase) {
  const select = database.prepare<[string], string>("SELECT pin FROM capability_pin WHERE miner = ?").pluck();
  const save = database.prepare("INSERT OR REPLACE INTO capability_pin (miner, pin) VALUES (?, ?)");
  const drop = database.prepare("DELETE FROM capability_pin WHERE miner = ?");
  return {
    reads: {
      pin: ({ miner }: { readonly miner: Hotkey }): string | null => select.get(miner) ?? null,
    },
    writes: {
      savePin: ({ miner, pin }: { readonly miner: Hotkey; readonly pin: string }): void => {
        save.run(miner, pin);
      },
    },
    forget: (miner: Hotkey): void => {
      drop.run(miner);
    },
  };
}
