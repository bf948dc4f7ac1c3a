import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient, Neuron } from "../../node/ports.ts";
import { firstBlockOf, roundIdOf } from "../payload/nonce.ts";

/**
 * Who votes in a round: of each owner the permitted hotkey with most stake, of equal ones the lower uid. An owner's
 * other hotkeys have journals of their own: if they signed too, an owner could stand behind two payloads of one round
 * without anybody lying.
 */
export function votersOf(neurons: readonly Neuron[]): readonly Neuron[] {
  const byOwner = Map.groupBy(
    neurons.filter(({ validatorPermit }) => validatorPermit),
    ({ coldkey }) => coldkey,
  );
  return [...byOwner.values()].flatMap((own) =>
    own.toSorted((left, right) => right.stakeTao - left.stakeTao || left.uid - right.uid).slice(0, 1),
  );
}

/**
 * The voters of the round at `block`, a final one. `changed`: they are not those of the round's first block. Two thirds
 * of one set and two thirds of another need not share a voter, so a round is signed under one set alone. A chain's very
 * first round begins without anybody and is excepted.
 *
 * Errors: those of the chain.
 */
export async function votersAt(
  chain: Pick<ChainClient, "metagraph">,
  block: number,
): Promise<{ readonly voters: readonly Neuron[]; readonly changed: boolean }> {
  const voters = votersOf((await chain.metagraph(block)).neurons);
  const first = firstBlockOf(roundIdOf(block));
  if (first === 0 || first === block) return { voters, changed: false };
  const before = votersOf((await chain.metagraph(first)).neurons);
  return { voters, changed: !isSame(hotkeys(before), hotkeys(voters)) };
}

function hotkeys(voters: readonly Neuron[]): ReadonlySet<Hotkey> {
  return new Set(voters.map(({ hotkey }) => hotkey));
}

function isSame(left: ReadonlySet<Hotkey>, right: ReadonlySet<Hotkey>): boolean {
  return left.size === right.size && [...left].every((hotkey) => right.has(hotkey));
}
