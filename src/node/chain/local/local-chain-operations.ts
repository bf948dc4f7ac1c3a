import { EngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { BlockRef, Metagraph, WeightsTerms } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { applyCall } from "./apply-call.ts";
import { createBlockLine, type Genesis } from "./block-line.ts";
import type { ChainCall } from "./chain-call.ts";
import { createFactTable } from "./fact-table.ts";
import type { LocalChainSettings } from "./local-chain-settings.ts";
import { neuronsAt } from "./local-metagraph.ts";
import { createReorganise, type Reorg, type ReorgRequest } from "./reorganise.ts";

/** Most blocks of one step. */
const MAX_STEP = 100_000;

/** The caller's clock, in unix milliseconds. */
interface Now {
  readonly now: number;
}

interface At extends Now {
  readonly at: number | undefined;
}

export interface Included {
  readonly block: BlockRef;
  readonly uid: number | null;
}

export type WeightRows = readonly (readonly [uid: number, row: readonly (readonly [uid: number, weight: number])[]])[];

/**
 * The simulated chain's state, shared by every process that opens its file; one that is new begins at `now` with
 * `settings`. A block takes calls for as long as it is the head.
 */
export function createLocalChainOperations(database: SqliteDatabase, now: number, settings: LocalChainSettings) {
  const line = createBlockLine(database, now, settings);
  const facts = createFactTable(database);
  const reorganise = createReorganise({ database, facts, line });
  const keepCall = database.prepare<[number, string]>("INSERT INTO call (block, call) VALUES (?, ?)");
  const forgetCalls = database.prepare<[number]>("DELETE FROM call WHERE block <= ?");

  // Another process may replace blocks between two statements.
  const atOnce = <T>(read: () => T): T => database.transaction(read)();

  return {
    reads: {
      genesis: (_: null): Genesis => line.genesis,
      head: ({ now }: Now): BlockRef => line.head(now),
      finalized: ({ now }: Now): BlockRef => line.finalized(now),
      blockHash: ({ number, now }: Now & { readonly number: number }): string | null =>
        Number.isSafeInteger(number) && number >= 0 && number <= line.head(now).number ? line.ref(number).hash : null,
      metagraph: ({ at, now }: At): Metagraph =>
        atOnce(() => {
          const { number, hash } = line.readable(at, now);
          return { block: number, hash, neurons: neuronsAt(facts, number) };
        }),
      /** An epoch is as long as the wait between two rows. */
      weightsTerms: ({ hotkey, now }: Now & { readonly hotkey: Hotkey }): WeightsTerms =>
        atOnce(() => {
          const { number } = line.head(now);
          const lastSet = facts.get("weights", hotkey, number)?.block ?? null;
          const { weightsInterval: rateLimit } = line.genesis;
          return { head: number, tempo: rateLimit, rateLimit, lastSet, commitReveal: false };
        }),
      uidOf: ({ hotkey, now }: Now & { readonly hotkey: Hotkey }): number | null =>
        facts.get("neuron", hotkey, line.head(now).number)?.value.uid ?? null,
      weights: ({ at, now }: At): WeightRows =>
        atOnce(() => {
          const { number } = line.readable(at, now);
          const neurons = facts.all("neuron", number);
          return [...facts.all("weights", number)].flatMap(([hotkey, row]) => {
            const neuron = neurons.get(hotkey);
            return neuron ? [[neuron.uid, row] as const] : [];
          });
        }),
      commitment: ({ hotkey, at, now }: At & { readonly hotkey: Hotkey }): string | null =>
        atOnce(() => facts.get("commitment", hotkey, line.readable(at, now).number)?.value ?? null),
    },
    writes: {
      include: ({ call, now }: Now & { readonly call: ChainCall }): Included => {
        const block = line.head(now);
        const uid = applyCall({ facts, block: block.number, settings: line.genesis }, call);
        line.keepHead(block.number);
        forgetCalls.run(line.finalized(now).number);
        if (line.genesis.finalityLag > 0) keepCall.run(block.number, JSON.stringify(call));
        return { block, uid };
      },
      step: ({ count, now }: Now & { readonly count: number }): BlockRef => {
        if (line.genesis.blocks !== "stepped") throw byClock();
        if (!Number.isSafeInteger(count) || count < 1 || count > MAX_STEP) throw stepInvalid();
        const number = line.head(now).number + count;
        line.keepHead(number);
        return line.ref(number);
      },
      reorg: ({ request, now }: Now & { readonly request: ReorgRequest }): Reorg => reorganise(request, now),
    },
  };
}

export type LocalChainOperations = ReturnType<typeof createLocalChainOperations>;

function byClock(): EngramError {
  return new EngramError("CHAIN_CLOCK_DRIVEN", "this chain's blocks follow the clock", {
    fix: "make a stepped chain to decide about its blocks",
  });
}

function stepInvalid(): EngramError {
  return new EngramError("CHAIN_STEP_INVALID", `a step has 1 to ${MAX_STEP} blocks`, { fix: "step several times" });
}
