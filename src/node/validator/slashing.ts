/** Blocks a slash lasts (spec 6.2). */
const SLASH_BLOCKS = 7_200;

/** One slash of one miner; `T` names miners. */
export interface SlashEvent<T> {
  readonly miner: T;
  readonly block: number;
  /** What it was for (V-W13). */
  readonly total: number;
  readonly passed: number;
  readonly active: boolean;
}

/** Ends the slashes that are over at `block`; an ended one stays so (spec 6.2). */
export function expireSlashes<T>(events: readonly SlashEvent<T>[], block: number): readonly SlashEvent<T>[] {
  return events.map((event) =>
    event.active && block >= event.block + SLASH_BLOCKS ? { ...event, active: false } : event,
  );
}

/** Adds a slash unless the miner is under one (spec 6.2). */
export function slash<T>(events: readonly SlashEvent<T>[], event: Omit<SlashEvent<T>, "active">) {
  return isSlashed(events, event.miner) ? events : [...events, { ...event, active: true }];
}

/** As of the last `expireSlashes`. */
export function isSlashed<T>(events: readonly SlashEvent<T>[], miner: T): boolean {
  return events.some((event) => event.active && event.miner === miner);
}
