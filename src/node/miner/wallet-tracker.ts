import { LRUCache } from "lru-cache";
import type { Hotkey } from "../../crypto/ss58.ts";

/** Hotkeys remembered; the least recently seen is forgotten first. */
const MAX_HOTKEYS = 10_000;
/** spec 13, `WALLET_TRACKER_MAX_CIDS`. */
const MAX_CIDS = 200;

export interface WalletStats {
  readonly ingestCount: number;
  readonly queryCount: number;
  /** Unix milliseconds; 0 when never seen. */
  readonly lastSeen: number;
  /** Of public records, the newest last. */
  readonly cids: readonly string[];
}

const NEVER: WalletStats = { ingestCount: 0, queryCount: 0, lastSeen: 0, cids: [] };

/**
 * What verified hotkeys did since this process started (spec 8.16). Kept in memory: the reference rewrote a file at
 * every request (M-W19), and counted for whatever hotkey a body named (M-W11).
 */
export class WalletTracker {
  readonly #wallets = new LRUCache<Hotkey, WalletStats>({ max: MAX_HOTKEYS });

  /** `cid` of a public record; a private one is nobody's business but its owner's. */
  countIngest(hotkey: Hotkey, cid: string | null, now: number): void {
    const { ingestCount, queryCount, cids } = this.of(hotkey);
    const next = cid === null || cids.includes(cid) ? cids : [...cids, cid].slice(-MAX_CIDS);
    this.#wallets.set(hotkey, { ingestCount: ingestCount + 1, queryCount, lastSeen: now, cids: next });
  }

  countQuery(hotkey: Hotkey, now: number): void {
    const stats = this.of(hotkey);
    this.#wallets.set(hotkey, { ...stats, queryCount: stats.queryCount + 1, lastSeen: now });
  }

  /** Zeros for one that was never seen. */
  of(hotkey: string): WalletStats {
    return this.#wallets.peek(hotkey as Hotkey) ?? NEVER;
  }

  /** The newest first. */
  all(): readonly (readonly [Hotkey, WalletStats])[] {
    return [...this.#wallets.entries()].toSorted(([, left], [, right]) => right.lastSeen - left.lastSeen);
  }
}
