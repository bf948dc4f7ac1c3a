import { EngramError } from "../../../crypto/errors.ts";
import type { MinerView } from "../replication/miner-directory.ts";

/** A miner that keeps shares: over auth2, sealed to the key of its signed statement. */
export interface Holder {
  readonly view: MinerView;
  /** 64 hex digits. */
  readonly shareKey: string;
}

/** Miners that may be asked for shares they keep. The embedded one shares the disk with the wallet and never counts. */
export function possibleHolders(views: readonly MinerView[]): readonly MinerView[] {
  return views.filter(
    ({ miner, caps, trusted }) => !miner.embedded && trusted && caps.includes("auth2") && caps.includes("keyshare2"),
  );
}

/**
 * Those that get a share: the named ones, else all that are there now. Key shares never go to a miner without auth2
 * and keyshare2 (F3). Errors: `NO_MINERS`, `HOLDER_UNSUITABLE`.
 */
export function chooseHolders(views: readonly MinerView[], named: readonly string[] | undefined): readonly Holder[] {
  const usable = possibleHolders(views).flatMap((view): Holder[] =>
    view.reachable && view.verified && view.shareKey !== undefined ? [{ view, shareKey: view.shareKey }] : [],
  );
  const unsuitable = named?.find((hotkey) => !usable.some(({ view }) => view.miner.hotkey === hotkey));
  if (unsuitable !== undefined) {
    throw new EngramError("HOLDER_UNSUITABLE", "a named holder is no miner that keeps key shares now", {
      fix: "name hotkeys that `engram status` shows as reachable with keyshare2",
    });
  }
  const chosen = named ? usable.filter(({ view }) => named.includes(view.miner.hotkey)) : usable.slice(0, 255);
  if (chosen.length >= 2) return chosen;
  throw new EngramError("NO_MINERS", "a key is split among at least 2 miners with keyshare2 that answer", {
    fix: "start more miners or name them in ENGRAM_MINERS; `engram status` shows who answers",
  });
}

/** More than half of the holders, never 1. Errors: `THRESHOLD_INVALID`. */
export function chooseThreshold(asked: number | undefined, total: number): number {
  const threshold = asked ?? Math.min(Math.ceil(total / 2) + 1, total);
  if (Number.isInteger(threshold) && threshold >= 2 && threshold <= total) return threshold;
  throw new EngramError("THRESHOLD_INVALID", `the threshold must be from 2 to the number of holders, ${total}`, {
    fix: "leave it out to ask for more than half",
  });
}
