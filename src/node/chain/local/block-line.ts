import { createHash, randomBytes } from "node:crypto";
import { EngramError } from "../../../crypto/errors.ts";
import type { BlockRef } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { LocalChainSettings } from "./local-chain-settings.ts";

export interface Genesis extends LocalChainSettings {
  /** `local:` and 128 random bits. */
  readonly identity: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** The head a new chain has. Behind it is a block that is final and empty, where blocks are not final at once. */
  readonly first: number;
}

/** The canonical chain's numbers and hashes. `now` in unix milliseconds. */
export interface BlockLine {
  readonly genesis: Genesis;
  head(now: number): BlockRef;
  finalized(now: number): BlockRef;
  /** The block `at` which state is read: the finalized one when none is named. */
  readable(at: number | undefined, now: number): BlockRef;
  ref(number: number): BlockRef;
  /** Keeps `number` as one the head never falls below again. */
  keepHead(number: number): void;
  /** From block `first` on, hashes are others. */
  branch(first: number, salt: string): void;
}

/** Opens the chain in `database`; one that is new begins at `now` with `settings`. */
export function createBlockLine(database: SqliteDatabase, now: number, settings: LocalChainSettings): BlockLine {
  const genesis = begin(database, now, settings);
  const storedHead = database.prepare<[], number>("SELECT head FROM genesis").pluck();
  const keepHead = database.prepare<[number]>("UPDATE genesis SET head = max(head, ?)");
  const saltAt = database
    .prepare<[number], string>("SELECT salt FROM branch WHERE first <= ? ORDER BY first DESC LIMIT 1")
    .pluck();
  const leave = database.prepare<[number]>("DELETE FROM branch WHERE first >= ?");
  const enter = database.prepare<[number, string]>("INSERT INTO branch (first, salt) VALUES (?, ?)");
  let highest = 0;

  const headNumber = (at: number): number => {
    const byClock = genesis.blocks === "clock" ? Math.floor((at - genesis.at) / genesis.blockMs) : 0;
    // A clock that is set back must not take blocks away.
    highest = Math.max(highest, storedHead.get() ?? 0, genesis.first + byClock);
    return highest;
  };
  const ref = (number: number): BlockRef => {
    const salt = saltAt.get(number);
    const name = [genesis.identity, number, ...(salt === undefined ? [] : [salt])].join(":");
    return { number, hash: `0x${createHash("sha256").update(name).digest("hex")}` };
  };
  const finalizedNumber = (at: number) => Math.max(0, headNumber(at) - genesis.finalityLag);

  return {
    genesis,
    ref,
    head: (at) => ref(headNumber(at)),
    finalized: (at) => ref(finalizedNumber(at)),
    readable: (number, at) => ref(readableNumber(number ?? finalizedNumber(at), headNumber(at), genesis)),
    keepHead: (number) => {
      keepHead.run(number);
    },
    branch: (first, salt) => {
      leave.run(first);
      enter.run(first, salt);
    },
  };
}

function readableNumber(number: number, head: number, { historyBlocks }: LocalChainSettings): number {
  if (!Number.isSafeInteger(number) || number < 0 || number > head) {
    throw new EngramError("CHAIN_BLOCK_UNKNOWN", "the chain has no block of that number yet", {
      fix: "wait for the block, or read at the finalized one",
    });
  }
  if (number >= head - historyBlocks) return number;
  throw new EngramError("CHAIN_HISTORY_GONE", `the chain keeps the state of its last ${historyBlocks} blocks alone`, {
    fix: "read at a newer block",
  });
}

interface GenesisRow {
  readonly identity: string;
  readonly at: number;
  readonly blocks: "clock" | "stepped";
  readonly block_ms: number;
  readonly finality_lag: number;
  readonly history_blocks: number;
  readonly weights_interval: number;
}

function begin(database: SqliteDatabase, now: number, settings: LocalChainSettings): Genesis {
  const { blocks, blockMs, finalityLag, historyBlocks, weightsInterval } = settings;
  database
    .prepare(
      `INSERT INTO genesis (number, identity, at, blocks, block_ms, finality_lag, history_blocks, weights_interval)
      VALUES (0, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    )
    .run(
      `local:${randomBytes(16).toString("hex")}`,
      now,
      blocks,
      blockMs,
      finalityLag,
      Math.max(historyBlocks, finalityLag),
      weightsInterval,
    );
  const found = database.prepare<[], GenesisRow>("SELECT * FROM genesis").get();
  if (!found) throw new EngramError("CHAIN_UNREADABLE", "the local chain's file has no genesis");
  return {
    identity: found.identity,
    at: found.at,
    first: found.finality_lag > 0 ? 1 : 0,
    blocks: found.blocks,
    blockMs: found.block_ms,
    finalityLag: found.finality_lag,
    historyBlocks: found.history_blocks,
    weightsInterval: found.weights_interval,
  };
}
