import PQueue from "p-queue";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { placesOf, REPLICAS } from "../../../crypto/xor-placement.ts";
import { MinerLine } from "../miner-line.ts";
import { MinerProbe, type PlaceAnswer, type ProbeDeps } from "../miner-probe.ts";
import type { ValidatorStore } from "../store/validator-store.ts";
import type { CallableMiner } from "../visit-miner.ts";
import type { GroundTruthEntry } from "./entry.ts";

export interface SeedDeps extends ProbeDeps {
  readonly store: ValidatorStore;
}

export interface SeedOptions {
  /** Milliseconds between two records to one miner: most take 100 a minute of one caller (spec 4.3). */
  readonly paceMs: number;
  /** Every miner gets everything, as the reference has it; else each record goes to the miners it belongs to. */
  readonly all: boolean;
  /** Called after each record, with how many were tried and how many there are. */
  readonly onProgress?: (tried: number, total: number) => void;
}

/** What came of one miner's records. */
export interface SeedReport {
  readonly miner: Hotkey;
  /** Taken under the right CID, now or in an earlier run. */
  readonly stored: number;
  /** Taken under another CID: the miner keeps something else than it was given, or the file names another. */
  readonly mismatched: number;
  readonly failed: number;
}

const MINERS_AT_ONCE = 16;
/** As long as a miner's window and a little more (spec 4.3). */
const LIMITED_MS = 62_000;
const TRIES = 5;

/**
 * Gives miners the records of the ground truth and notes who took which: what a miner took it answers for. What it took
 * in an earlier run it is not given again.
 */
export async function seedMiners(
  deps: SeedDeps,
  entries: readonly GroundTruthEntry[],
  miners: readonly CallableMiner[],
  options: SeedOptions,
): Promise<readonly SeedReport[]> {
  const jobs = miners.map((miner) => ({ miner, entries: [] as GroundTruthEntry[] }));
  const jobOf = new Map(jobs.map((job) => [job.miner.hotkey, job]));
  for (const entry of entries) {
    const holders = options.all ? miners : placesOf(entry.cid, miners).slice(0, REPLICAS);
    for (const { hotkey } of holders) jobOf.get(hotkey)?.entries.push(entry);
  }
  const total = jobs.reduce((sum, job) => sum + job.entries.length, 0);
  let tried = 0;
  const onTried = () => options.onProgress?.(++tried, total);
  const queue = new PQueue({ concurrency: MINERS_AT_ONCE });
  const busy = jobs.filter((job) => job.entries.length > 0);
  return await queue.addAll(busy.map((job) => () => seedMiner(deps, job.miner, job.entries, { ...options, onTried })));
}

async function seedMiner(
  deps: SeedDeps,
  miner: CallableMiner,
  entries: readonly GroundTruthEntry[],
  { paceMs, onTried }: Pick<SeedOptions, "paceMs"> & { readonly onTried: () => void },
): Promise<SeedReport> {
  const { store, clock, signal } = deps;
  const line = new MinerLine(deps.http);
  const probe = new MinerProbe({ ...deps, http: line }, miner.endpoint);
  const there = new Set(await store.call("heldBy", { miner: miner.hotkey }));
  const report = { miner: miner.hotkey, stored: 0, mismatched: 0, failed: 0 };
  for (const { cid, embedding } of entries) {
    signal.throwIfAborted();
    if (!there.has(cid)) {
      const answer = await ingestPatiently(deps, probe, embedding);
      const outcome = outcomeOf(answer, cid);
      report[outcome] += 1;
      if (outcome === "stored") await store.call("hold", { miner: miner.hotkey, cids: [cid] });
      if (paceMs > 0 && !line.isDead) await clock.sleep(paceMs, signal);
    } else report.stored += 1;
    onTried();
  }
  return report;
}

/** Waits where the miner says that it was too much. */
async function ingestPatiently({ clock, signal }: SeedDeps, probe: MinerProbe, embedding: Float32Array) {
  for (let attempt = 1; ; attempt++) {
    const answer = await probe.ingest(embedding);
    const isLimited = answer !== null && "status" in answer && answer.status === 429;
    if (!isLimited || attempt === TRIES) return answer;
    await clock.sleep(LIMITED_MS, signal);
  }
}

function outcomeOf(answer: PlaceAnswer, cid: string): "stored" | "mismatched" | "failed" {
  if (answer === null || !("cid" in answer)) return "failed";
  return answer.cid === cid ? "stored" : "mismatched";
}
