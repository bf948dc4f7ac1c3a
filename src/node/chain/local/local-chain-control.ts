import type { Hotkey } from "../../../crypto/ss58.ts";
import type { BlockRef } from "../../ports.ts";
import type { Reorg, ReorgRequest } from "./reorganise.ts";

/** What nobody can do on a real chain: for tests, the demo and whoever runs a local chain on their machine. */
export interface LocalChainControl {
  /** Makes `count` blocks (default 1) on a stepped chain. Errors: `CHAIN_CLOCK_DRIVEN`, `CHAIN_STEP_INVALID`. */
  step(count?: number): Promise<BlockRef>;
  /** Replaces the newest blocks. Errors: `CHAIN_REORG_DEPTH`. */
  reorg(request: ReorgRequest): Promise<Reorg>;
  /** Sets the hotkey's stake as of the head. Errors: `CHAIN_KEY_INVALID`, `CHAIN_STAKE_INVALID`. */
  stake(hotkey: Hotkey, tao: number): Promise<BlockRef>;
}
