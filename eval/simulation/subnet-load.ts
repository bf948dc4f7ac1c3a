import { REPLICAS } from "../../src/crypto/xor-placement.ts";
import { SAMPLES, TIMED_AT_ONCE } from "../../src/node/validator/measure-miners.ts";
import {
  RECHECK_MS,
  RECORDS_A_SWEEP,
  SWEEP_EVERY_MS,
} from "../../src/node/validator/replication/replication-keeper.ts";
import { ROUND_BLOCKS } from "../../src/node/validator/validator-context.ts";
import type { Assumptions } from "./assumptions.ts";
import type { Balance } from "./placement-balance.ts";

const BLOCK_SECONDS = 12;
const DAY_SECONDS = 86_400;
const GB = 1e9;

export interface SubnetLoad {
  readonly copies: number;
  /** Of the mean miner, and of the one that most records fall on. */
  readonly diskGb: { readonly mean: number; readonly most: number };
  readonly memoryGb: { readonly mean: number; readonly most: number };
  readonly repair: {
    /** Copies that must be made anew in a day, and what they weigh. */
    readonly copiesADay: number;
    readonly gbADay: number;
    /** What the mean miner receives for it, all day long, in megabits a second. */
    readonly mbitASecond: number;
  };
  readonly validator: {
    readonly requestsARound: number;
    /** What the timed part of a round takes, answers as slow as assumed, beside what a round lasts. */
    readonly timedSeconds: number;
    readonly roundSeconds: number;
    /** Days until each record it knows was looked at once, beside the day it should take. */
    readonly sweepDays: number;
    readonly recheckDays: number;
  };
  /** What one miner is asked by all validators in a second. */
  readonly minerRequestsASecond: number;
}

/** What the subnet carries. `moved` is the number of new copies a record needs when a day's part of the miners left. */
export function subnetLoad(given: Assumptions, balance: Balance, moved: number): SubnetLoad {
  const copies = given.memories * REPLICAS;
  const mean = copies / given.miners;
  const gb = (bytes: number) => ({ mean: (mean * bytes) / GB, most: (mean * balance.most * bytes) / GB });
  const copiesADay = moved * given.memories;
  const bytesADay = copiesADay * given.diskBytes;
  // Samples are asked as queries, and again as challenges (spec 3.4).
  const requestsARound = given.miners * SAMPLES * 2;
  const roundSeconds = ROUND_BLOCKS * BLOCK_SECONDS;
  const sweptADay = (RECORDS_A_SWEEP * DAY_SECONDS * 1_000) / SWEEP_EVERY_MS;
  return {
    copies,
    diskGb: gb(given.diskBytes),
    memoryGb: gb(given.memoryBytes),
    repair: {
      copiesADay,
      gbADay: bytesADay / GB,
      mbitASecond: (bytesADay * 8) / 1e6 / DAY_SECONDS / given.miners,
    },
    validator: {
      requestsARound,
      timedSeconds: ((requestsARound / 2) * given.answerMs) / 1_000 / TIMED_AT_ONCE,
      roundSeconds,
      sweepDays: given.tracked / sweptADay,
      recheckDays: RECHECK_MS / 1_000 / DAY_SECONDS,
    },
    minerRequestsASecond: (SAMPLES * 2 * given.validators) / roundSeconds,
  };
}
