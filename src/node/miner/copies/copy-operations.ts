import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** One record at one other miner. */
export interface Copy {
  readonly cid: string;
  readonly hotkey: Hotkey;
}

export interface DueCopy extends Copy {
  readonly task: "push" | "remove";
  /** This one included. */
  readonly attempts: number;
}

/** `done`: pushed and confirmed, or removed. `over`: trying again cannot help. */
export type CopyOutcome = "done" | "over" | "later";

const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 3_600_000;
/** The record is deleted here within this time, or its copies stay; and a push on its way has arrived or failed. */
const DELETE_MS = 20_000;

export function createCopyOperations(database: SqliteDatabase) {
  const walked = database.prepare<[], string>("SELECT after FROM walked WHERE id = 1").pluck();
  const waiting = database.prepare<[], number>("SELECT count(*) FROM copy WHERE task <> 'held'").pluck();
  const held = database.prepare<[string], Hotkey>("SELECT hotkey FROM copy WHERE cid = ? AND task = 'held'").pluck();
  const walk = database.prepare("INSERT OR REPLACE INTO walked (id, after) VALUES (1, ?)");
  // Ingested again after it was deleted: what is still to be taken back is pushed instead.
  const insert = database.prepare(
    `INSERT INTO copy (cid, hotkey, task, next_at) VALUES (@cid, @hotkey, 'push', @now)
     ON CONFLICT DO UPDATE SET task = 'push', attempts = 0, next_at = @now WHERE task = 'remove'`,
  );
  const due = database.prepare<[number, number], DueCopy>(
    `SELECT cid, hotkey, task, attempts + 1 AS attempts FROM copy
     WHERE task <> 'held' AND next_at <= ? ORDER BY next_at LIMIT ?`,
  );
  const attempt = database.prepare(
    "UPDATE copy SET attempts = @attempts, next_at = @nextAt WHERE cid = @cid AND hotkey = @hotkey",
  );
  const confirm = database.prepare(
    "UPDATE copy SET task = 'held', attempts = 0 WHERE cid = @cid AND hotkey = @hotkey AND task = 'push'",
  );
  const forget = database.prepare("DELETE FROM copy WHERE cid = @cid AND hotkey = @hotkey AND task = @task");
  const unsent = database.prepare("DELETE FROM copy WHERE cid = ? AND task = 'push' AND attempts = 0");
  const takeBack = database.prepare(
    "UPDATE copy SET task = 'remove', attempts = 0, next_at = @nextAt WHERE cid = @cid AND task <> 'remove'",
  );
  const keep = database.prepare("UPDATE copy SET task = 'held' WHERE cid = ? AND task = 'remove'");

  return {
    reads: {
      progress: (_: null) => ({ after: walked.get() ?? null, waiting: waiting.get() ?? 0 }),
      holders: (cid: string): readonly Hotkey[] => held.all(cid),
    },
    writes: {
      /** What the walk found up to `after`, in one transaction with how far it came. */
      assign: ({ copies, after, now }: { copies: readonly Copy[]; after: string; now: number }): void => {
        for (const copy of copies) insert.run({ ...copy, now });
        walk.run(after);
      },
      /** Counts an attempt before anything is sent: a killed process leaves it counted, and due again later. */
      claim: ({ now, limit }: { now: number; limit: number }): readonly DueCopy[] => {
        const copies = due.all(now, limit);
        for (const { cid, hotkey, attempts } of copies) {
          const delay = Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_DELAY_MS);
          attempt.run({ cid, hotkey, attempts, nextAt: now + delay });
        }
        return copies;
      },
      settle: ({ copy, outcome }: { copy: DueCopy; outcome: CopyOutcome }): void => {
        const { cid, hotkey, task } = copy;
        if (outcome === "done" && task === "push") confirm.run({ cid, hotkey });
        else if (outcome !== "later") forget.run({ cid, hotkey, task });
      },
      /** Its copies are to go, once it is gone here: asked for before the delete, so that a kill between loses nothing. */
      takeBack: ({ cid, now }: { cid: string; now: number }): void => {
        unsent.run(cid);
        takeBack.run({ cid, nextAt: now + DELETE_MS });
      },
      /** The delete never came about: the record is still here. */
      keep: (cid: string): void => {
        keep.run(cid);
      },
    },
  };
}

export type CopyOperations = ReturnType<typeof createCopyOperations>;
