import { EngramError } from "../../../crypto/errors.ts";
import type { ChainClient } from "../../ports.ts";
import type { MinerView } from "../replication/miner-directory.ts";
import { independentOnes } from "./independence.ts";

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

/** So many that no two share owner or network are preferred to all that are there. */
const ENOUGH_INDEPENDENT = 3;
const MOST_HOLDERS = 255;

/**
 * Those that get a share: the named ones, else those that are there now, one a coldkey and network where that leaves
 * enough. Key shares never go to a miner without auth2 and keyshare2 (F3). Errors: `NO_MINERS`, `HOLDER_UNSUITABLE`.
 */
export async function chooseHolders(
  views: readonly MinerView[],
  named: readonly string[] | undefined,
  chain: ChainClient,
): Promise<readonly Holder[]> {
  const usable = usableHolders(views);
  const unsuitable = named?.find((hotkey) => !usable.some(({ view }) => view.miner.hotkey === hotkey));
  if (unsuitable !== undefined) {
    throw new EngramError("HOLDER_UNSUITABLE", "a named holder is no miner that keeps key shares now", {
      fix: "name hotkeys that `engram status` shows as reachable with keyshare2",
    });
  }
  const chosen = named
    ? usable.filter(({ view }) => named.includes(view.miner.hotkey))
    : (await inGoodOrder(usable, chain)).chosen;
  if (chosen.length >= 2) return chosen;
  throw new EngramError("NO_MINERS", "a key is split among at least 2 miners with keyshare2 that answer", {
    fix: "start more miners or name them in ENGRAM_MINERS; `engram status` shows who answers",
  });
}

/**
 * Holders for new shares of a key that `former` ones have: those of them that are there, then others, as many as there
 * were where that is possible.
 */
export async function nextHolders(
  views: readonly MinerView[],
  former: readonly string[],
  chain: ChainClient,
): Promise<readonly string[]> {
  const { all } = await inGoodOrder(usableHolders(views), chain);
  const hotkeys = all.map(({ view }) => view.miner.hotkey as string);
  const stay = hotkeys.filter((hotkey) => former.includes(hotkey));
  const others = hotkeys.filter((hotkey) => !former.includes(hotkey));
  return [...stay, ...others].slice(0, Math.max(former.length, 2));
}

function usableHolders(views: readonly MinerView[]): readonly Holder[] {
  return possibleHolders(views).flatMap((view): Holder[] =>
    view.reachable && view.verified && view.shareKey !== undefined ? [{ view, shareKey: view.shareKey }] : [],
  );
}

async function inGoodOrder(usable: readonly Holder[], chain: ChainClient) {
  const apart = new Set(
    await independentOnes(
      usable.map(({ view }) => view.miner),
      chain,
    ),
  );
  const first = usable.filter(({ view }) => apart.has(view.miner));
  const all = [...first, ...usable.filter(({ view }) => !apart.has(view.miner))];
  const chosen = first.length >= ENOUGH_INDEPENDENT ? first : all;
  return { all, chosen: chosen.slice(0, MOST_HOLDERS) };
}

/** More than half of the holders, never 1. Errors: `THRESHOLD_INVALID`. */
export function chooseThreshold(asked: number | undefined, total: number): number {
  const threshold = asked ?? Math.min(Math.ceil(total / 2) + 1, total);
  if (Number.isInteger(threshold) && threshold >= 2 && threshold <= total) return threshold;
  throw new EngramError("THRESHOLD_INVALID", `the threshold must be from 2 to the number of holders, ${total}`, {
    fix: "leave it out to ask for more than half",
  });
}
