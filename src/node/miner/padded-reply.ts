import { responseTargetMs } from "../../crypto/padding.ts";
import { paddedText } from "../protocol/reply-text.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Peer } from "./admission.ts";
import type { Reply } from "./reply.ts";

/**
 * A reply about a private namespace, errors included: lengthened to its bucket and held back to a whole step of
 * 100 ms since `arrivedAt`, so that size and time tell next to nothing (spec 9.2, M-W24).
 */
export async function paddedReply<Padded extends Pick<Reply, "text">>(
  reply: Padded,
  arrivedAt: number,
  clock: Clock,
  peer: Peer,
): Promise<Padded> {
  await heldBack(arrivedAt, clock, peer);
  return { ...reply, text: paddedText(reply.text) };
}

/** Resolves at a whole step of 100 ms since `arrivedAt`: for replies whose length tells nothing anyway. */
export async function heldBack(arrivedAt: number, clock: Clock, peer: Peer): Promise<void> {
  const elapsed = clock.now() - arrivedAt;
  // In one process there is nobody between who could measure.
  if (peer !== null) await clock.sleep(responseTargetMs(elapsed) - elapsed);
}
