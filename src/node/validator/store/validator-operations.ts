import { canonicalScoreVector, type SignedScoreVector } from "../../../crypto/consensus-message.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { MinerScore } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { SlashEvent } from "../slashing.ts";
import { canaryOperations } from "./canary-operations.ts";
import { heldOperations } from "./held-operations.ts";
import { pinOperations } from "./pin-operations.ts";
import {
  type KeptRound,
  type MinerRow,
  type MinerState,
  mapText,
  minerOf,
  minerRow,
  type RoundRow,
  type RoundStage,
  roundOf,
  vectorOf,
  vectorText,
} from "./validator-rows.ts";

interface SlashRow extends Omit<SlashEvent<Hotkey>, "active"> {
  readonly active: number;
}

/** What a validator's store worker does, on a database with `validatorMigrations`. */
export function createValidatorOperations(database: SqliteDatabase) {
  const canaries = canaryOperations(database);
  const pins = pinOperations(database);
  const held = heldOperations(database);
  const miners = database.prepare<[], MinerRow>("SELECT * FROM miner");
  const saveMiner = database.prepare(
    `INSERT INTO miner (hotkey, average, proofs, reputation) VALUES (@hotkey, @average, @proofs, @reputation)
     ON CONFLICT (hotkey) DO UPDATE SET average = @average, proofs = @proofs, reputation = @reputation`,
  );
  const slashes = database.prepare<[], SlashRow>(
    "SELECT miner, block, total, passed, active FROM slash_event ORDER BY id",
  );
  const clearSlashes = database.prepare("DELETE FROM slash_event");
  const addSlash = database.prepare(
    "INSERT INTO slash_event (miner, block, total, passed, active) VALUES (@miner, @block, @total, @passed, @active)",
  );
  const round = database.prepare<[number], RoundRow>("SELECT * FROM round WHERE round_id = ?");
  const addRound = database.prepare(
    `INSERT INTO round (round_id, block, block_hash, measured, challenges, own_vector, stage)
     VALUES (@roundId, @block, @blockHash, @measured, @challenges, @ownVector, 'measured')`,
  );
  const agreeRound = database.prepare(
    "UPDATE round SET agreed = @agreed, weights = @weights, stage = 'agreed' WHERE round_id = @roundId AND stage = 'measured'",
  );
  const unfinished = database.prepare<[number], RoundRow>(
    "SELECT * FROM round WHERE round_id < ? AND stage IN ('agreed', 'weighted') ORDER BY round_id",
  );
  const setStage = database.prepare("UPDATE round SET stage = @stage WHERE round_id = @roundId");
  const vectors = database.prepare<[number], { vector: string }>("SELECT vector FROM peer_vector WHERE round_id = ?");
  const vectorBy = database.prepare<[number, string], { vector: string }>(
    "SELECT vector FROM peer_vector WHERE round_id = ? AND validator = ?",
  );
  const addVector = database.prepare("INSERT INTO peer_vector VALUES (?, ?, ?)");
  const dropVectors = database.prepare("DELETE FROM peer_vector WHERE round_id < ?");
  const dropRounds = database.prepare("DELETE FROM round WHERE round_id < ?");
  const saveMiners = (states: readonly MinerState[]) => {
    for (const state of states) saveMiner.run(minerRow(state));
  };

  return {
    reads: {
      ...canaries.reads,
      ...pins.reads,
      ...held.reads,
      miners: (_: null): readonly MinerState[] => miners.all().map(minerOf),
      slashes: (_: null): readonly SlashEvent<Hotkey>[] =>
        slashes.all().map((event) => ({ ...event, active: event.active === 1 })),
      round: ({ roundId }: { readonly roundId: number }): KeptRound | null => {
        const row = round.get(roundId);
        return row === undefined ? null : roundOf(row);
      },
      /** Agreed rounds before this one that an interruption left before their end. */
      unfinished: ({ before }: { readonly before: number }): readonly KeptRound[] =>
        unfinished.all(before).map(roundOf),
      vectors: ({ roundId }: { readonly roundId: number }): readonly SignedScoreVector[] =>
        vectors.all(roundId).map(({ vector }) => vectorOf(vector)),
    },
    writes: {
      ...canaries.writes,
      ...pins.writes,
      ...held.writes,
      /** Keeps what was measured, all of it or nothing. Rounds before `keepFrom` are forgotten. */
      measured: (input: {
        readonly round: Pick<KeptRound, "roundId" | "block" | "blockHash" | "measured" | "ownVector"> & {
          readonly challenges: ReadonlyMap<number, number>;
        };
        readonly miners: readonly MinerState[];
        readonly slashes: readonly SlashEvent<Hotkey>[];
        readonly keepFrom: number;
      }): void => {
        const { measured, challenges, ownVector, ...rest } = input.round;
        const texts = {
          measured: mapText(measured),
          challenges: mapText(challenges),
          ownVector: vectorText(ownVector),
        };
        addRound.run({ ...rest, ...texts });
        saveMiners(input.miners);
        clearSlashes.run();
        for (const event of input.slashes) addSlash.run({ ...event, active: event.active ? 1 : 0 });
        dropVectors.run(input.keepFrom);
        dropRounds.run(input.keepFrom);
      },
      /** False when the round was agreed before: averages count a round once. */
      agreed: (input: {
        readonly roundId: number;
        readonly agreed: ReadonlyMap<number, MinerScore>;
        readonly weights: ReadonlyMap<number, number>;
        readonly miners: readonly MinerState[];
      }): boolean => {
        const { roundId } = input;
        const changed = agreeRound.run({ roundId, agreed: mapText(input.agreed), weights: mapText(input.weights) });
        if (changed.changes === 0) return false;
        saveMiners(input.miners);
        return true;
      },
      stage: (input: { readonly roundId: number; readonly stage: RoundStage }): void => {
        setStage.run(input);
      },
      /** A validator says one thing of a round: what it said first stays (V-W24). */
      keepVector: ({ roundId, vector }: { readonly roundId: number; readonly vector: SignedScoreVector }) => {
        const kept = vectorBy.get(roundId, vector.validatorHotkey);
        if (kept === undefined) addVector.run(roundId, vector.validatorHotkey, vectorText(vector));
        else if (canonicalScoreVector(vectorOf(kept.vector)) !== canonicalScoreVector(vector)) return "taken";
        return "kept";
      },
    },
  };
}

export type ValidatorOperations = ReturnType<typeof createValidatorOperations>;
