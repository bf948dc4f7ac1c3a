/** The first and last moments that a date can hold are these far from 1970. */
const FARTHEST = 8.64e15;

/**
 * A moment (ms) as the clocks of this machine show it, as if that reading were UTC: its UTC fields are the local date and
 * time. The zone is the process's: `TZ`, or the system's.
 */
export function wallClock(moment: number): number {
  const reading = moment - new Date(moment).getTimezoneOffset() * 60_000;
  return Math.max(-FARTHEST, Math.min(FARTHEST, reading));
}

/** The moment at which the clocks of this machine show `reading`, one such as `wallClock` makes. */
export function momentOf(reading: number): number {
  return Date.parse(new Date(reading).toISOString().slice(0, -1));
}
