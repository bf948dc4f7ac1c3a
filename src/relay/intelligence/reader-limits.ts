/** What a reader waits for and takes from a gateway at most. */
export interface ReaderLimits {
  /** Of one request, its body included. */
  readonly deadlineMs: number;
  /** Of one page with everything that proves its items. */
  readonly readMs: number;
  /** Without a byte for so long, or an event that takes longer, a stream counts as dead. */
  readonly silenceMs: number;
  readonly pageBytes: number;
  readonly evidenceBytes: number;
  readonly eventBytes: number;
  readonly smallBytes: number;
  /** Before a lost stream is asked for again, doubling from the first to the second. */
  readonly reconnectMs: readonly [first: number, most: number];
}

const MIB = 1_048_576;

/** A submission has at most 2 MiB; quoted inside a reply it may have twice that. A gateway's heart beats every 15 s. */
export const readerLimits: ReaderLimits = {
  deadlineMs: 10_000,
  readMs: 120_000,
  silenceMs: 45_000,
  pageBytes: 16 * MIB,
  evidenceBytes: 5 * MIB,
  eventBytes: 4 * MIB,
  smallBytes: 65_536,
  reconnectMs: [250, 30_000],
};
