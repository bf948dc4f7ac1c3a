import { createHash } from "node:crypto";
import { placesOf, stakeWeight } from "../../../crypto/xor-placement.ts";
import type { ReplicaState } from "../memory.ts";
import { REPLICA_TARGET } from "../replication-port.ts";
import type { MinerView } from "./miner-directory.ts";

declare const privateHolderBrand: unique symbol;

/** A miner that private records may go to: nothing but `privateHolders` says so. */
export type PrivateHolder = MinerView & { readonly [privateHolderBrand]: true };

export interface PlacementPolicy {
  /**
   * Also give private records to miners of the reference, which state no capabilities. They publish what they are given
   * again at their peers, without its namespace, and cannot delete it (M-W1, M-W5): the sealed vector and the envelope
   * are then in the open for as long as the subnet lasts. Off unless a person asks for it.
   */
  readonly privateOnReferenceMiners: boolean;
}

/** Miners whose pinned capabilities promise to keep a private record private (design: store). */
export function privateHolders(views: readonly MinerView[], policy: PlacementPolicy): readonly PrivateHolder[] {
  return views.filter(
    (view): view is PrivateHolder =>
      view.trusted && (view.caps.includes("private1") || (policy.privateOnReferenceMiners && view.caps.length === 0)),
  );
}

/** Public records may go to every miner that is the one it claims to be. */
export function publicHolders(views: readonly MinerView[]): readonly MinerView[] {
  return views.filter(isPublicHolder);
}

export function isPublicHolder({ trusted }: MinerView): boolean {
  return trusted;
}

/**
 * The holders that a record belongs to among `views`, as every node finds them in the same snapshot (V-W28); for one that
 * `isHolder` refuses the next one stands in.
 */
export function assign<T extends MinerView>(
  key: string,
  views: readonly T[],
  isHolder: (view: T) => boolean = () => true,
): readonly T[] {
  const nodes = views.map((view) => ({
    uid: view.miner.uid,
    hotkey: view.miner.hotkey,
    stakeTao: stakeOf(view),
    view,
  }));
  const places = placesOf(key, nodes).map(({ view }) => view);
  return places.filter(isHolder).slice(0, REPLICA_TARGET);
}

function stakeOf({ miner }: MinerView): number {
  return miner.stakeTao ?? 0;
}

/** What is possible with these holders; the embedded miner shares the disk and never counts. */
export function replicaState(holders: readonly MinerView[], have: number): ReplicaState {
  const possible = holders.filter((view) => !view.miner.embedded).length;
  return { have, target: possible === 0 ? REPLICA_TARGET : Math.min(REPLICA_TARGET, possible), possible };
}

/** Changes whenever records would be placed otherwise than before. */
export function placementFingerprint(views: readonly MinerView[], policy: PlacementPolicy): string {
  const privates = new Set(privateHolders(views, policy).map((view) => view.miner.hotkey));
  const holders = publicHolders(views);
  const weightOf = stakeWeight(holders.map((view) => ({ stakeTao: stakeOf(view) })));
  const lines = holders.map((view) => {
    const { hotkey, embedded } = view.miner;
    const weight = weightOf({ stakeTao: stakeOf(view) });
    return JSON.stringify([hotkey, embedded, privates.has(hotkey), view.profile ?? null, weight]);
  });
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
}
