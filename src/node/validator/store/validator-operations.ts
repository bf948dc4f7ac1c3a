import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { SlashEvent } from "../slashing.ts";
import { canaryOperations } from "./canary-operations.ts";
import { consensusOperations } from "./consensus-operations.ts";
import { heldOperations } from "./held-operations.ts";
import { pinOperations } from "./pin-operations.ts";
import { type MeasuredRound, roundOperations, type Settlement } from "./round-operations.ts";
import { type MinerRow, type MinerState, minerOf, minerRow } from "./validator-rows.ts";
import { weightsOperations } from "./weights-operations.ts";

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
  const rounds = roundOperations(database);
  const consensus = consensusOperations(database);
  const weights = weightsOperations(database);
  const saveMiners = (states: readonly MinerState[]) => {
    for (const state of states) saveMiner.run(minerRow(state));
  };

  return {
    reads: {
      ...canaries.reads,
      ...pins.reads,
      ...held.reads,
      ...rounds.reads,
      ...consensus.reads,
      ...weights.reads,
      miners: (_: null): readonly MinerState[] => miners.all().map(minerOf),
      slashes: (_: null): readonly SlashEvent<Hotkey>[] =>
        slashes.all().map((event) => ({ ...event, active: event.active === 1 })),
    },
    writes: {
      ...canaries.writes,
      ...pins.writes,
      ...held.writes,
      ...rounds.writes,
      ...consensus.writes,
      ...weights.writes,
      /** Keeps what was measured, all of it or nothing. Rounds before `keepFrom` are forgotten. */
      measured: (input: {
        readonly round: MeasuredRound;
        readonly miners: readonly MinerState[];
        readonly slashes: readonly SlashEvent<Hotkey>[];
        readonly keepFrom: number;
      }): void => {
        rounds.addRound(input.round);
        saveMiners(input.miners);
        clearSlashes.run();
        for (const event of input.slashes) addSlash.run({ ...event, active: event.active ? 1 : 0 });
        rounds.dropBefore(input.keepFrom);
        consensus.dropBefore(input.keepFrom);
      },
      /** Keeps how a round ended. False when it had ended before: averages count a round once. */
      settled: (input: Settlement & { readonly miners: readonly MinerState[] }): boolean => {
        if (!rounds.settle(input)) return false;
        saveMiners(input.miners);
        return true;
      },
    },
  };
}

export type ValidatorOperations = ReturnType<typeof createValidatorOperations>;
