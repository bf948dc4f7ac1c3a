import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { Submission } from "./submission.ts";

/** A second ranking of a round, whole, as its author signed it: proof against whoever signed both. */
export interface ConflictEvidence {
  readonly number: number;
  readonly signed_hash: string;
  /** The ranking that was accepted for the round. */
  readonly accepted_hash: string;
  readonly netuid: number;
  readonly round_id: number;
  readonly hotkey: string;
  readonly wire: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** More of one round than this prove nothing more. */
const MAX_OF_ROUND = 16;

export function conflictOperations(database: SqliteDatabase) {
  const countOf = database
    .prepare<object, number>("SELECT count(*) FROM conflict WHERE netuid = @netuid AND round_id = @roundId")
    .pluck();
  const insert = database.prepare<object>(
    `INSERT INTO conflict (signed_hash, accepted_hash, netuid, round_id, hotkey, wire, at)
     VALUES (@signedHash, @acceptedHash, @netuid, @roundId, @hotkey, @wire, @now) ON CONFLICT DO NOTHING`,
  );
  const page = database.prepare<object, ConflictEvidence>(
    "SELECT * FROM conflict WHERE number > @after ORDER BY number LIMIT @limit",
  );
  return {
    reads: {
      conflicts: (query: { readonly after: number; readonly limit: number }): readonly ConflictEvidence[] =>
        page.all(query),
    },
    /** Inside the transaction that refuses it. */
    keepEvidence: ({ signedHash, netuid, roundId, hotkey, wire }: Submission, acceptedHash: string, now: number) => {
      if (hotkey === null || (countOf.get({ netuid, roundId }) ?? 0) >= MAX_OF_ROUND) return;
      insert.run({ signedHash, acceptedHash, netuid, roundId, hotkey, wire, now });
    },
  };
}
