import type { Hotkey } from "../../../crypto/ss58.ts";
import { placesOf, REPLICAS } from "../../../crypto/xor-placement.ts";
import type { Neuron } from "../../ports.ts";
import { sample } from "../sampling.ts";
import type { GroundTruthEntry } from "./entry.ts";

/** Entries whose assigned miners are looked for in one round. */
const TRIED_PER_ROUND = 64;

/** A miner as placement sees it. */
export type PlacedMiner = Pick<Neuron, "uid" | "hotkey" | "stakeTao">;

/** The ground truth of one validator. */
export class GroundTruthSet {
  readonly #byCid: ReadonlyMap<string, GroundTruthEntry>;

  /** Of equal CIDs the first entry counts; vectors of another length than the subnet's are left out. */
  constructor(entries: readonly GroundTruthEntry[], dim: number) {
    const fitting = entries.filter(({ embedding }) => embedding.length === dim);
    this.#byCid = new Map(fitting.toReversed().map((entry) => [entry.cid, entry]));
  }

  get size(): number {
    return this.#byCid.size;
  }

  get entries(): Iterable<GroundTruthEntry> {
    return this.#byCid.values();
  }

  has(cid: string): boolean {
    return this.#byCid.has(cid);
  }

  /** Up to `count` entries among `cids`, unforeseeable. */
  pick(cids: Iterable<string>, count: number): readonly GroundTruthEntry[] {
    return sample(
      [...cids].flatMap((cid) => this.#byCid.get(cid) ?? []),
      count,
    );
  }

  /** Some entries, and whom they are assigned to: to find out who holds what nobody placed through this validator. */
  assignments(miners: readonly PlacedMiner[]): ReadonlyMap<Hotkey, readonly GroundTruthEntry[]> {
    const found = new Map<Hotkey, GroundTruthEntry[]>();
    for (const entry of this.pick(this.#byCid.keys(), TRIED_PER_ROUND)) {
      for (const { hotkey } of placesOf(entry.cid, miners).slice(0, REPLICAS)) {
        found.set(hotkey, [...(found.get(hotkey) ?? []), entry]);
      }
    }
    return found;
  }
}
