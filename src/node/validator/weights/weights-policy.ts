import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Neuron, WeightsTerms } from "../../ports.ts";
import type { KeptRound } from "../store/validator-rows.ts";
import { ROUND_BLOCKS } from "../validator-context.ts";

/** What there is to do about weights now. `hold`: since this block they are held back for want of a quorum. */
export type WeightsTask =
  | { readonly task: "none" }
  | { readonly task: "hold"; readonly since: number }
  | { readonly task: "set"; readonly round: KeptRound; readonly agreed: boolean };

/**
 * Which round's weights are due. Those of the newest round that was agreed on, or that had nobody to ask; where the
 * others disagree they wait one tempo for a quorum, and then one's own are set: a quorum gates the relay, never what a
 * validator owes the chain. `rounds` ended and are in no weights yet, oldest first.
 */
export function nextTask(rounds: readonly KeptRound[], terms: WeightsTerms, heldBackSince: number | null): WeightsTask {
  const { head, tempo, rateLimit, lastSet, commitReveal } = terms;
  // What is committed to is revealed once an epoch: more commits would only replace each other.
  const interval = Math.max(rateLimit, commitReveal ? tempo : 0);
  if (lastSet !== null && head < lastSet + interval) return { task: "none" };
  const oldest = head - Math.max(tempo, 2 * ROUND_BLOCKS);
  const fresh = rounds.filter(({ block }) => block >= oldest);
  const settled = fresh.findLast(({ verdict }) => verdict === "quorum" || verdict === "alone");
  if (settled) return { task: "set", round: settled, agreed: settled.verdict === "quorum" };
  const refused = fresh.findLast(({ verdict }) => verdict === "refused");
  if (!refused) return { task: "none" };
  const since = heldBackSince ?? head;
  return head >= since + tempo ? { task: "set", round: refused, agreed: false } : { task: "hold", since };
}

/** A round's weights for those who still have the uid they were measured under. */
export function weightsFor(
  { weights, hotkeys }: Pick<KeptRound, "weights" | "hotkeys">,
  neurons: readonly Pick<Neuron, "uid" | "hotkey">[],
): ReadonlyMap<number, number> {
  const now = new Map<number, Hotkey>(neurons.map(({ uid, hotkey }) => [uid, hotkey]));
  return new Map([...(weights ?? [])].filter(([uid]) => now.get(uid) === hotkeys.get(uid)));
}
