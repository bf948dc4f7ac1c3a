import { isIP } from "node:net";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { assignWeighted, stakeWeight } from "../../../crypto/xor-placement.ts";
import type { Neuron } from "../../ports.ts";
import { isPublicAddress } from "../../runtime/public-address.ts";

/** As many holders as a record should have (spec 9.7). */
const REPLICAS = 3;

/** The miners of one reading of the chain, and where records belong among them. */
export interface CopyPlaces {
  /** Addresses of the others, by hotkey; without a trailing slash. */
  readonly urls: ReadonlyMap<Hotkey, string>;
  readonly isNeuron: (hotkey: Hotkey) => boolean;
  /** The others among the three assigned, nearest and best staked first (spec 9.7, M-W28). */
  othersFor(cid: string): readonly Hotkey[];
}

/**
 * `self` takes part in the assignment wherever it serves. Who holds a permit validates, and is given nothing. On a real
 * chain public addresses alone are called, because anybody writes there; a simulated chain's nodes are on this machine.
 */
export function copyPlaces(neurons: ReadonlyMap<Hotkey, Neuron>, self: Hotkey, isSimulated: boolean): CopyPlaces {
  const miners = [...neurons.values()].flatMap((neuron) => {
    const url = neuron.validatorPermit || neuron.endpoint === null ? null : callableUrl(neuron.endpoint, isSimulated);
    return url === null && neuron.hotkey !== self ? [] : [{ ...neuron, url }];
  });
  const own = miners.find(({ hotkey }) => hotkey === self)?.url;
  // Whoever names this miner's address as its own is not another.
  const others = miners.flatMap(({ hotkey, url }): [Hotkey, string][] =>
    url === null || hotkey === self || url === own ? [] : [[hotkey, url]],
  );
  const urls = new Map(others);
  const placed = miners.filter(({ hotkey }) => hotkey === self || urls.has(hotkey));
  const weightOf = stakeWeight(placed);
  return {
    urls,
    isNeuron: (hotkey) => {
      const neuron = neurons.get(hotkey);
      return neuron !== undefined && (neuron.validatorPermit || neuron.endpoint !== null);
    },
    othersFor: (cid) =>
      assignWeighted(cid, placed, REPLICAS, weightOf).flatMap(({ hotkey }) => (hotkey === self ? [] : [hotkey])),
  };
}

function callableUrl(endpoint: string, isSimulated: boolean): string | null {
  const url = URL.parse(endpoint);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search !== "") return null;
  const bare = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return isSimulated || (isIP(bare) !== 0 && isPublicAddress(bare)) ? url.origin : null;
}
