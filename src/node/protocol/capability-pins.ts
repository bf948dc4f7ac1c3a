import { z } from "zod";
import type { SignedCapabilities } from "./capabilities.ts";

/** What is remembered of a miner between runs. */
export interface CapabilityPin {
  /** What the miner is taken at: it may rise at once, it falls only by `lowering`. */
  readonly caps: readonly string[];
  /** The newest statement it signed: its profile and endpoint count. */
  readonly newest: SignedCapabilities;
  /** Unix ms since when its newer statements have said less. */
  readonly lowering?: number;
}

/** How long a smaller statement must hold before it is believed (design: no silent downgrade). */
const HOLD_MS = 24 * 3_600_000;

/**
 * The pin after a look at a miner. `seen` is a verified statement, or undefined when it had none: whoever sits between
 * could have cut it out, so that changes nothing. Neither does an older statement shown again.
 */
export function updatePin(
  pin: CapabilityPin | undefined,
  seen: SignedCapabilities | undefined,
  now: number,
): CapabilityPin | undefined {
  if (!seen || (pin && seen.issued_at < pin.newest.issued_at)) return pin;
  if (!pin || pin.caps.every((name) => seen.caps.includes(name))) return { caps: seen.caps, newest: seen };
  const since = pin.lowering ?? now;
  if (now - since >= HOLD_MS) return { caps: seen.caps, newest: seen };
  return { caps: [...new Set([...pin.caps, ...seen.caps])], newest: seen, lowering: since };
}

const pinSchema = z.object({
  caps: z.array(z.string()),
  newest: z.custom<CapabilityPin["newest"]>((value) => typeof value === "object" && value !== null),
  lowering: z.number().optional(),
});

/** The pin in a text that was kept; anything else is as good as none. */
export function parsePin(text: string | null): CapabilityPin | undefined {
  if (!text) return undefined;
  const pin = pinSchema.safeParse(JSON.parse(text));
  if (!pin.success) return undefined;
  const { caps, newest, lowering } = pin.data;
  return { caps, newest, ...(lowering === undefined ? {} : { lowering }) };
}
