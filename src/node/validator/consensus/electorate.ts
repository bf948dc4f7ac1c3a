import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Neuron } from "../../ports.ts";

/** Who has a voice beside one's own, as of one metagraph. */
export interface Electorate {
  readonly voters: ReadonlyMap<Hotkey, Neuron>;
  /** One hotkey of each owner among `hotkeys`: two keys of one coldkey are one voice. */
  voices(hotkeys: Iterable<Hotkey>): ReadonlySet<Hotkey>;
}

/** Other validators with a permit and as much stake as is asked for; keys of one's own coldkey are no others. */
export function electorateOf(neurons: readonly Neuron[], own: Hotkey, minStakeTao: number): Electorate {
  const ownColdkey = neurons.find(({ hotkey }) => hotkey === own)?.coldkey;
  const voters = new Map(
    neurons
      .filter(({ hotkey, validatorPermit, stakeTao }) => {
        return hotkey !== own && validatorPermit && stakeTao > 0 && stakeTao >= minStakeTao;
      })
      .map((neuron) => [neuron.hotkey, neuron]),
  );
  const voices = (hotkeys: Iterable<Hotkey>): ReadonlySet<Hotkey> => {
    const speaking = [...hotkeys].flatMap((hotkey) => voters.get(hotkey) ?? []);
    // The most staked speaks for its owner, so that every validator hears the same one.
    speaking.sort((one, other) => other.stakeTao - one.stakeTao || one.uid - other.uid);
    const owners = new Map<Hotkey, Hotkey>();
    for (const { coldkey, hotkey } of speaking) {
      if (coldkey !== ownColdkey && !owners.has(coldkey)) owners.set(coldkey, hotkey);
    }
    return new Set(owners.values());
  };
  return { voters, voices };
}
