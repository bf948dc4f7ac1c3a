/** What the simulation takes for given; everything else is the product's own rule or constant. */
export interface Assumptions {
  readonly miners: number;
  readonly memories: number;
  readonly validators: number;
  /** Part of the miners that leave for ever in a day, each replaced by a new hotkey. */
  readonly leaving: number;
  /** Bytes that a record takes in a miner's file, and what its search keeps of it in memory. */
  readonly diskBytes: number;
  readonly memoryBytes: number;
  /** Public records that one validator knows: its ground truth and what its rounds placed. */
  readonly tracked: number;
  /** Milliseconds that a miner takes for one answer, the way there and back included. */
  readonly answerMs: number;
}

export const DEFAULTS = {
  validators: 64,
  leaving: 0.01,
  // Of records with 512 numbers and 250 characters: `npm run bench -- --only capacity`.
  diskBytes: 6_000,
  memoryBytes: 2_600,
  tracked: 5_000,
  answerMs: 100,
} as const;

/** Said with every result. */
export const SENTENCES = [
  "every memory is one record with three copies; private and public ones are placed by the same rule",
  "keys of miners and records are SHA-256 hashes, so that they fall evenly; stakes are equal or follow Zipf's law",
  "who leaves takes its copies along; a new hotkey comes in its place, and records move to where they now belong",
  "public records beyond what a validator knows, and all private ones, are brought back by their owners' clients",
] as const;
