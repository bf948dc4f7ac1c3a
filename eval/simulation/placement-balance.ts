import { createHash } from "node:crypto";
import { assignWeighted, placesOf, REPLICAS, stakeWeight } from "../../src/crypto/xor-placement.ts";
import { KeySpace } from "./key-space.ts";

/** More than the product weighs for a record, so that its own choice among them is the same as among all. */
const SHORTLIST = 12;

export interface SimulatedMiner {
  readonly uid: number;
  readonly hotkey: string;
  readonly stakeTao: number;
}

/** How evenly records fall on miners; shares are of the mean, 1 where all are equal. */
export interface Balance {
  readonly records: number;
  readonly median: number;
  readonly p99: number;
  readonly most: number;
  readonly least: number;
  /** Of the shares that lie behind the sampled counts: what chance adds to counts is taken off. */
  readonly deviation: number;
  /** Miners that no sampled record fell on. */
  readonly without: number;
}

/** `equal`: nobody has stake. `zipf`: the k-th miner has a k-th of the first one's 10,000 TAO. */
export function simulatedMiners(count: number, stake: "equal" | "zipf"): readonly SimulatedMiner[] {
  return Array.from({ length: count }, (_, uid) => ({
    uid,
    hotkey: `5simulated${createHash("sha256").update(`miner ${uid}`).digest("hex")}`,
    stakeTao: stake === "equal" ? 0 : 10_000 / (uid + 1),
  }));
}

/** Places `records` records on `miners` by the product's own rule. */
export function placementBalance(miners: readonly SimulatedMiner[], records: number): Balance {
  const place = quickPlaces(miners);
  const counts = new Float64Array(miners.length);
  for (let record = 0; record < records; record += 1) {
    for (const { uid } of place(cidOf(record))) counts[uid] = (counts[uid] ?? 0) + 1;
  }
  return summarise(counts, records);
}

/** How many of `records` records have other holders once `changed` took the place of `miners`. */
export function movedRecords(
  miners: readonly SimulatedMiner[],
  changed: readonly SimulatedMiner[],
  records: number,
): number {
  const [before, after] = [quickPlaces(miners), quickPlaces(changed)];
  let copies = 0;
  for (let record = 0; record < records; record += 1) {
    const held = new Set(before(cidOf(record)).map(({ hotkey }) => hotkey));
    copies += after(cidOf(record)).filter(({ hotkey }) => !held.has(hotkey)).length;
  }
  return copies / records;
}

/** Throws where the short way places a record otherwise than the product does among all miners. */
export function checkPlacement(miners: readonly SimulatedMiner[], records: number): void {
  const place = quickPlaces(miners);
  for (let record = 0; record < records; record += 1) {
    const cid = cidOf(record);
    const expected = placesOf(cid, miners).slice(0, REPLICAS);
    const found = place(cid);
    if (expected.some(({ uid }, at) => uid !== found[at]?.uid)) {
      throw new Error(`record ${record} is placed otherwise than the product places it`);
    }
  }
}

function quickPlaces(miners: readonly SimulatedMiner[]): (cid: string) => readonly SimulatedMiner[] {
  const space = new KeySpace(miners.map(({ hotkey }) => hotkey));
  const weightOf = stakeWeight(miners);
  return (cid) => {
    const near = space.nearest(cid, SHORTLIST).flatMap((index) => miners[index] ?? []);
    return assignWeighted(cid, near, REPLICAS, weightOf);
  };
}

function cidOf(record: number): string {
  return `v1::${createHash("sha256").update(`record ${record}`).digest("hex").slice(0, 32)}`;
}

function summarise(counts: Float64Array, records: number): Balance {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const shares = counts.map((count) => count / mean).sort();
  const variance = shares.reduce((sum, share) => sum + (share - 1) ** 2, 0) / shares.length;
  const at = (part: number) => shares[Math.min(shares.length - 1, Math.floor(part * shares.length))] ?? 0;
  return {
    records,
    median: at(0.5),
    p99: at(0.99),
    most: at(1),
    least: at(0),
    deviation: Math.sqrt(Math.max(0, variance - 1 / mean)),
    without: counts.filter((count) => count === 0).length,
  };
}
