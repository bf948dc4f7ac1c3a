/** Blocks a slash lasts where nothing else is set (spec 2.1 `SLASH_COOLDOWN_BLOCKS`). */
export const SLASH_BLOCKS = 7_200;

/** One slash of one miner; `T` names miners. */
export interface SlashEvent<T> {
  readonly miner: T;
  readonly block: number;
  /** What it was for (V-W13). */
  readonly total: number;
  readonly passed: number;
  readonly active: boolean;
}

/** Ends the slashes that lasted `cooldownBlocks` at `block`; an ended one stays so (spec 6.2). */
export function expireSlashes<T>(
  events: readonly SlashEvent<T>[],
  block: number,
  cooldownBlocks: number,
): readonly SlashEvent<T>[] {
  return events.map((event) =>
    event.active && block >= event.block + cooldownBlocks ? { ...event, active: false } : event,
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
