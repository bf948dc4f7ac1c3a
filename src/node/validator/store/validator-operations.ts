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

/** Many times those that a subnet has at once: whoever left longest ago is forgotten first. */
const KEPT_MINERS = 4_096;
/** Slashes that are over, for a person to look at. */
const KEPT_SLASHES = 1_000;

/** What a validator's store worker does, on a database with `validatorMigrations`. */
export function createValidatorOperations(database: SqliteDatabase) {
  const canaries = canaryOperations(database);
  const pins = pinOperations(database);
  const held = heldOperations(database);
  const miners = database.prepare<[], MinerRow>("SELECT * FROM miner");
  // Replaced and not updated: rowids then tell who was seen last.
  const saveMiner = database.prepare(
    `INSERT OR REPLACE INTO miner (hotkey, average, proofs, reputation) VALUES (@hotkey, @average, @proofs, @reputation)`,
  );
  const dropMiners = database
    .prepare<[], Hotkey>(
      `DELETE FROM miner WHERE rowid NOT IN (SELECT rowid FROM miner ORDER BY rowid DESC LIMIT ${KEPT_MINERS}) RETURNING hotkey`,
    )
    .pluck();
  const slashes = database.prepare<[], SlashRow>(
    "SELECT miner, block, total, passed, active FROM slash_event ORDER BY id",
  );
  const clearSlashes = database.prepare("DELETE FROM slash_event");
  const addSlash = database.prepare(
    "INSERT INTO slash_event (miner, block, total, passed, active) VALUES (@miner, @block, @total, @passed, @active)",
  );
  const dropSlashes = database.prepare(
    `DELETE FROM slash_event WHERE active = 0 AND id NOT IN
     (SELECT id FROM slash_event WHERE active = 0 ORDER BY id DESC LIMIT ${KEPT_SLASHES})`,
  );
  const rounds = roundOperations(database);
  const consensus = consensusOperations(database);
  const weights = weightsOperations(database);
  const saveMiners = (states: readonly MinerState[]) => {
    for (const state of states) saveMiner.run(minerRow(state));
  };

  const forget = (hotkey: Hotkey) => {
    pins.forget(hotkey);
    held.forget(hotkey);
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
        dropSlashes.run();
        for (const hotkey of dropMiners.all()) forget(hotkey);
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
