import type { Hotkey } from "../../../crypto/ss58.ts";
import { placesOf, REPLICAS } from "../../../crypto/xor-placement.ts";
import { servingMiners } from "../../chain/serving-miners.ts";
import type { Neuron } from "../../ports.ts";

/** The miners of one reading of the chain, and where records belong among them. */
export interface CopyPlaces {
  /** Addresses of the others, by hotkey; without a trailing slash. */
  readonly urls: ReadonlyMap<Hotkey, string>;
  readonly isNeuron: (hotkey: Hotkey) => boolean;
  /** The others among the three assigned, nearest and best staked first (spec 9.7, M-W28). */
  othersFor(cid: string): readonly Hotkey[];
}

/** `self` is one of them where it serves an address that others call. */
export function copyPlaces(neurons: ReadonlyMap<Hotkey, Neuron>, self: Hotkey, isSimulated: boolean): CopyPlaces {
  const miners = servingMiners([...neurons.values()], isSimulated);
  const urls = new Map(miners.flatMap(({ hotkey, url }) => (hotkey === self ? [] : [[hotkey, url] as const])));
  return {
    urls,
    isNeuron: (hotkey) => {
      const neuron = neurons.get(hotkey);
      return neuron !== undefined && (neuron.validatorPermit || neuron.endpoint !== null);
    },
    othersFor: (cid) =>
      placesOf(cid, miners)
        .slice(0, REPLICAS)
        .flatMap(({ hotkey }) => (hotkey === self ? [] : [hotkey])),
  };
}
