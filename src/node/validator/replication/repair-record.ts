import type { Hotkey } from "../../../crypto/ss58.ts";
import { placesOf, REPLICAS } from "../../../crypto/xor-placement.ts";
import type { ServingMiner } from "../../chain/serving-miners.ts";
import type { HolderCalls } from "./holder-calls.ts";
import { type RepairableRecord, repairable } from "./repairable.ts";
import { missingCopies, repairTargets } from "./replica-health.ts";
import type { DueRecord } from "./store/replication-operations.ts";

/** What a sweep knows beside the record. */
export interface RepairContext {
  /** Of one snapshot. */
  readonly miners: readonly ServingMiner[];
  readonly callsTo: (miner: ServingMiner) => Pick<HolderCalls, "fetch" | "bring" | "proves">;
  /** 0 to 1, as this validator knows the miner. */
  readonly reliabilityOf: (hotkey: Hotkey) => number;
  /** Keeps what a challenge showed; durable when it resolves. */
  readonly note: (copy: { readonly cid: string; readonly miner: Hotkey; readonly isHeld: boolean }) => Promise<void>;
  /** Copies confirmed after this (unix ms) are not asked for again. */
  readonly freshAfter: number;
}

/** `unknown`: nobody that was asked has the record, and this validator has not either. */
export interface RepairResult {
  readonly confirmed: number;
  readonly missing: number;
  /** Copies that were not there before. */
  readonly restored: number;
  readonly content: "known" | "unknown" | "not needed";
}

/** So many are asked for a record, and so many are offered one: a sweep's work has an end. */
const MOST_ASKED = 6;

/**
 * Looks after one record: asks for the copies that were not confirmed lately, then brings copies to where they are
 * missing. Nobody is believed: what a source gives is hashed, what a target says it stored is challenged (V-W27). A record
 * that this validator has itself is restored also where nobody holds it any more (V-W26).
 */
export async function repairRecord(task: DueRecord, context: RepairContext): Promise<RepairResult> {
  const { miners, note } = context;
  const places = inOrder(placesOf(task.cid, miners), context);
  const confirmed = new Set(freshCopies(task, context));
  const asked = holdersToAsk(task, places, context).filter(({ hotkey }) => !confirmed.has(hotkey));
  if (asked.length === 0 && missingCopies(confirmed.size, miners.length) === 0) {
    return { confirmed: confirmed.size, missing: 0, restored: 0, content: "not needed" };
  }
  const record = ownContent(task) ?? (await fetchFrom(task, places, context));
  const missing = () => missingCopies(confirmed.size, miners.length);
  if (record === null) return { confirmed: confirmed.size, missing: missing(), restored: 0, content: "unknown" };
  const check = async (miner: ServingMiner) => {
    const isHeld = await context.callsTo(miner).proves(record);
    await note({ cid: task.cid, miner: miner.hotkey, isHeld });
    if (isHeld) confirmed.add(miner.hotkey);
    return isHeld;
  };
  for (const miner of asked) await check(miner);
  let restored = 0;
  for (const target of repairTargets(places, ({ hotkey }) => confirmed.has(hotkey)).slice(0, MOST_ASKED)) {
    if (missing() === 0) break;
    if (!(await context.callsTo(target).bring(record, task.expiresAt))) continue;
    if (await check(target)) restored += 1;
  }
  return { confirmed: confirmed.size, missing: missing(), restored, content: "known" };
}

/** The assigned miners as all nodes see them; who stands in is this validator's choice, the most reliable first. */
function inOrder(places: readonly ServingMiner[], { reliabilityOf }: RepairContext): readonly ServingMiner[] {
  const standIns = places.slice(REPLICAS);
  const byTrust = standIns.toSorted((one, other) => reliabilityOf(other.hotkey) - reliabilityOf(one.hotkey));
  return [...places.slice(0, REPLICAS), ...byTrust];
}

/** Holders of copies confirmed lately that are miners still (V-W29). */
function freshCopies({ copies }: DueRecord, { miners, freshAfter }: RepairContext): readonly Hotkey[] {
  const present = new Set(miners.map(({ hotkey }) => hotkey));
  return copies.flatMap(({ miner, confirmedAt }) =>
    confirmedAt !== null && confirmedAt > freshAfter && present.has(miner) ? [miner] : [],
  );
}

/** Whoever held it once, and the assigned: they may have it from elsewhere. */
function holdersToAsk(
  { copies }: DueRecord,
  places: readonly ServingMiner[],
  { miners }: RepairContext,
): readonly ServingMiner[] {
  const known = new Set(copies.map(({ miner }) => miner));
  const holders = miners.filter(({ hotkey }) => known.has(hotkey));
  const assigned = places.slice(0, REPLICAS).filter(({ hotkey }) => !known.has(hotkey));
  return [...holders, ...assigned].slice(0, MOST_ASKED);
}

function ownContent({ cid, content }: DueRecord): RepairableRecord | null {
  return content && repairable(cid, content);
}

/** From the first source whose bytes are the CID's; who was confirmed last is asked first. */
async function fetchFrom(
  task: DueRecord,
  places: readonly ServingMiner[],
  context: RepairContext,
): Promise<RepairableRecord | null> {
  const confirmedAt = new Map(task.copies.map(({ miner, confirmedAt }) => [miner, confirmedAt ?? 0]));
  const sources = holdersToAsk(task, places, context).toSorted(
    (one, other) => (confirmedAt.get(other.hotkey) ?? -1) - (confirmedAt.get(one.hotkey) ?? -1),
  );
  for (const source of sources) {
    const record = await context.callsTo(source).fetch(task.cid);
    if (record) return record;
  }
  return null;
}
