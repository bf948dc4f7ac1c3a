import type { Course } from "../../relay/outbox/outbox-operations.ts";
import { MAX_POINTS } from "./plot.ts";

/** One delivered submission, in ms. */
interface Delivery {
  readonly at: number;
  /** From the first attempt to the signed receipt. */
  readonly latency: number;
  /** From queued to signed: the block's finality, and another's turn. */
  readonly finality: number | null;
  /** From the first attempt to the first answer that the gateway has it. */
  readonly acknowledged: number | null;
}

/** What ended in one stretch of time. */
interface Stretch {
  readonly at: number;
  readonly delivered: number;
  readonly failed: number;
  /** Of what was delivered and is still kept. */
  readonly bytes: number;
}

/** The newest deliveries, oldest first. */
export function deliveriesOf(courses: readonly Course[]): readonly Delivery[] {
  return courses
    .flatMap(({ state, createdAt, releasedAt, firstSubmitAt, httpAckAt, endedAt }) =>
      state !== "delivered" || endedAt === null || firstSubmitAt === null
        ? []
        : [
            {
              at: endedAt,
              latency: Math.max(0, endedAt - firstSubmitAt),
              finality: releasedAt === null ? null : Math.max(0, releasedAt - createdAt),
              acknowledged: httpAckAt === null ? null : Math.max(0, httpAckAt - firstSubmitAt),
            },
          ],
    )
    .sort((one, other) => one.at - other.at)
    .slice(-MAX_POINTS);
}

/** Lengths a person can read off an axis. */
const LENGTHS = [60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000, 86_400_000, 604_800_000];
const MAX_STRETCHES = 48;
const FAILED = new Set(["parked", "abandoned"]);

/** What ended, in stretches of equal length, oldest first; stretches without an end are there too. */
export function stretchesOf(courses: readonly Course[]): readonly Stretch[] {
  const ended = courses.flatMap(({ state, endedAt, bytes }) =>
    endedAt !== null && (state === "delivered" || FAILED.has(state)) ? [{ state, endedAt, bytes: bytes ?? 0 }] : [],
  );
  if (ended.length === 0) return [];
  const times = ended.map(({ endedAt }) => endedAt);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const length = LENGTHS.find((one) => (last - first) / one < MAX_STRETCHES) ?? (last - first) / (MAX_STRETCHES - 1);
  const begin = Math.floor(first / length);
  const stretches = Array.from({ length: Math.floor(last / length) - begin + 1 }, (_, index) => ({
    at: (begin + index) * length,
    delivered: 0,
    failed: 0,
    bytes: 0,
  }));
  for (const { state, endedAt, bytes } of ended) {
    const stretch = stretches[Math.floor(endedAt / length) - begin];
    if (!stretch) continue;
    if (state === "delivered") {
      stretch.delivered += 1;
      stretch.bytes += bytes;
    } else stretch.failed += 1;
  }
  return stretches;
}
