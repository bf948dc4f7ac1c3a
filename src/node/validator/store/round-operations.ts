import type { MinerScore } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import {
  type KeptRound,
  mapText,
  type RoundRow,
  type RoundStage,
  roundOf,
  type Verdict,
  vectorText,
} from "./validator-rows.ts";

/** What is known of a round once it was measured. */
export type MeasuredRound = Omit<KeptRound, "agreed" | "verdict" | "weights" | "stage" | "openedAt">;

/** How a round ended. */
export interface Settlement {
  readonly roundId: number;
  readonly verdict: Verdict;
  readonly agreed: ReadonlyMap<number, MinerScore>;
  readonly weights: ReadonlyMap<number, number>;
}

/** This validator's own rounds. */
export function roundOperations(database: SqliteDatabase) {
  const round = database.prepare<[number], RoundRow>("SELECT * FROM round WHERE round_id = ?");
  const add = database.prepare(
    `INSERT INTO round (round_id, block, block_hash, measured, challenges, own_vector, salt, own_commit, hotkeys, stage)
     VALUES (@roundId, @block, @blockHash, @measured, @challenges, @ownVector, @salt, @ownCommit, @hotkeys, 'measured')`,
  );
  const settle = database.prepare(
    `UPDATE round SET agreed = @agreed, weights = @weights, verdict = @verdict, stage = 'agreed'
     WHERE round_id = @roundId AND stage = 'measured'`,
  );
  const setStage = database.prepare("UPDATE round SET stage = @stage WHERE round_id = @roundId");
  const unsettled = database.prepare<[number], RoundRow>(
    "SELECT * FROM round WHERE round_id < ? AND stage = 'measured' ORDER BY round_id",
  );
  const settledAfter = database.prepare<[number], RoundRow>(
    "SELECT * FROM round WHERE round_id > ? AND stage IN ('agreed', 'done') ORDER BY round_id",
  );
  const unrelayed = database.prepare<[number], RoundRow>(
    "SELECT * FROM round WHERE round_id <= ? AND stage = 'agreed' ORDER BY round_id",
  );
  const drop = database.prepare<[number]>("DELETE FROM round WHERE round_id < ?");

  return {
    reads: {
      round: ({ roundId }: { readonly roundId: number }): KeptRound | null => {
        const row = round.get(roundId);
        return row === undefined ? null : roundOf(row);
      },
      /** Measured rounds before this one that nobody agreed on yet. */
      unsettled: ({ before }: { readonly before: number }): readonly KeptRound[] => unsettled.all(before).map(roundOf),
      /** Rounds behind this one that ended, oldest first. */
      settledAfter: ({ roundId }: { readonly roundId: number }): readonly KeptRound[] =>
        settledAfter.all(roundId).map(roundOf),
      /** Rounds up to this one that ended and were not relayed yet. */
      unrelayed: ({ upTo }: { readonly upTo: number }): readonly KeptRound[] => unrelayed.all(upTo).map(roundOf),
    },
    writes: {
      stage: (input: { readonly roundId: number; readonly stage: RoundStage }): void => {
        setStage.run(input);
      },
    },
    addRound: ({ measured, challenges, ownVector, hotkeys, ...rest }: MeasuredRound): void => {
      add.run({
        ...rest,
        measured: mapText(measured),
        challenges: challenges && mapText(challenges),
        ownVector: vectorText(ownVector),
        hotkeys: mapText(hotkeys),
      });
    },
    /** False when the round had ended before: averages count a round once. */
    settle: ({ roundId, verdict, agreed, weights }: Settlement): boolean =>
      settle.run({ roundId, verdict, agreed: mapText(agreed), weights: mapText(weights) }).changes === 1,
    dropBefore: (roundId: number): void => {
      drop.run(roundId);
    },
  };
}
