import { createHash } from "node:crypto";
import { z } from "zod";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import type { BlockRef } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { applyCall } from "./apply-call.ts";
import type { BlockLine } from "./block-line.ts";
import type { ChainCall } from "./chain-call.ts";
import type { FactTable } from "./fact-table.ts";

export const reorgRequest = z.strictObject({
  /** How many blocks from the head are replaced, by as many others. */
  depth: z.int().min(1),
  /** Decides the new hashes, which calls are included again, and where. */
  seed: z.int(),
  /** Of the calls in the replaced blocks: `some` by the seed (default), `all` that still hold, or `none`. */
  include: z.enum(["some", "all", "none"]).optional(),
});
export type ReorgRequest = Readonly<z.infer<typeof reorgRequest>>;

export interface Reorg {
  readonly head: BlockRef;
  /** The replaced blocks, lowest first. */
  readonly orphaned: readonly BlockRef[];
  /** Calls that are in no block any more. */
  readonly dropped: number;
}

interface Deps {
  readonly database: SqliteDatabase;
  readonly facts: FactTable;
  readonly line: BlockLine;
}

interface CallRow {
  readonly seq: number;
  readonly block: number;
  readonly call: string;
}

/** Replaces the newest blocks. Throws `CHAIN_REORG_DEPTH` where a finalized block would be replaced. */
export function createReorganise({ database, facts, line }: Deps): (request: ReorgRequest, now: number) => Reorg {
  const orphans = database.prepare<[number], CallRow>("SELECT * FROM call WHERE block > ? ORDER BY seq");
  const forget = database.prepare<[number]>("DELETE FROM call WHERE block > ?");
  const keep = database.prepare<[number, number, string]>("INSERT INTO call (seq, block, call) VALUES (?, ?, ?)");
  const { genesis: settings } = line;

  return ({ depth, seed, include = "some" }, now) => {
    const head = line.head(now).number;
    const fork = head - depth;
    if (!Number.isSafeInteger(depth) || depth < 1 || fork < line.finalized(now).number)
      throw tooDeep(settings.finalityLag);
    const orphaned = Array.from({ length: depth }, (_, index) => line.ref(fork + 1 + index));
    const calls = orphans.all(fork);
    facts.dropAbove(fork);
    forget.run(fork);
    line.branch(fork + 1, `${seed}:${orphaned[0]?.hash ?? ""}`);
    line.keepHead(head);
    let dropped = 0;
    let lowest = fork + 1;
    for (const [index, row] of calls.entries()) {
      const [chance = 0, place = 0] = createHash("sha256").update(`${seed}:${index}`).digest();
      const wanted = include === "all" || (include === "some" && chance % 2 === 0);
      // Never before a call that came before it: an axon needs its registration.
      const block = lowest + (place % (head - lowest + 1));
      if (wanted && includeAgain(row, block)) lowest = block;
      else dropped += 1;
    }
    return { head: line.ref(head), orphaned, dropped };
  };

  function includeAgain({ seq, call }: CallRow, block: number): boolean {
    try {
      applyCall({ facts, block, settings }, JSON.parse(call) as ChainCall);
    } catch (error) {
      // What it was built on is gone.
      if (isEngramError(error)) return false;
      throw error;
    }
    keep.run(seq, block, call);
    return true;
  }
}

function tooDeep(finalityLag: number): EngramError {
  return new EngramError("CHAIN_REORG_DEPTH", "only blocks that are not final can be replaced", {
    fix: `give a depth from 1; here at most the ${finalityLag} newest blocks are not final`,
  });
}
