/** What a local chain is made with; the file keeps it, and whoever opens the file later finds it so. */
export interface LocalChainSettings {
  /** `clock`: a block every `blockMs`. `stepped`: a block whenever somebody asks for one (`LocalChainControl.step`). */
  readonly blocks: "clock" | "stepped";
  readonly blockMs: number;
  /** Blocks from the finalized one to the head: the deepest reorganisation there can be. */
  readonly finalityLag: number;
  /** For so many blocks behind the head the state can be read. */
  readonly historyBlocks: number;
  /** Blocks a validator waits between two rows of weights. */
  readonly weightsInterval: number;
}

/** One process, or several on one file: nobody replaces blocks, so that what is written is final at once. */
export const defaultLocalChainSettings: LocalChainSettings = {
  blocks: "clock",
  // As on the real chain.
  blockMs: 12_000,
  finalityLag: 0,
  historyBlocks: 1_024,
  // Well under a round of 50 blocks (spec 14.0): on the real chain's 100 every other round would be refused.
  weightsInterval: 20,
};

/** A chain served to other processes: like the real one it has a head that may still change. */
export const servedLocalChainSettings: LocalChainSettings = { ...defaultLocalChainSettings, finalityLag: 3 };
