import type { Neuron } from "../ports.ts";
import { callableOrigin } from "./node-address.ts";

/** A miner that takes part in placement, and where it is called. */
export interface ServingMiner extends Pick<Neuron, "uid" | "hotkey" | "coldkey" | "stakeTao"> {
  /** Without a trailing slash. */
  readonly url: string;
}

/**
 * The miners among one snapshot's neurons, by uid: the same for client, miner and validator, so that all place a record
 * alike (V-W28). Who holds a permit validates, and holds nothing. Of several that publish one address the one with the
 * most stake counts, then the lowest uid: one machine must not fill two places (V-W29).
 */
export function servingMiners(neurons: readonly Neuron[], isSimulated: boolean): readonly ServingMiner[] {
  const byUrl = new Map<string, ServingMiner>();
  for (const { uid, hotkey, coldkey, stakeTao, endpoint, validatorPermit } of neurons) {
    const url = endpoint === null || validatorPermit ? null : callableOrigin(endpoint, isSimulated);
    const other = url === null ? undefined : byUrl.get(url);
    if (url === null || (other && !isBefore({ uid, stakeTao }, other))) continue;
    byUrl.set(url, { uid, hotkey, coldkey, stakeTao, url });
  }
  return [...byUrl.values()].sort((one, other) => one.uid - other.uid);
}

type Claim = Pick<Neuron, "uid" | "stakeTao">;

function isBefore(one: Claim, other: Claim): boolean {
  return one.stakeTao === other.stakeTao ? one.uid < other.uid : one.stakeTao > other.stakeTao;
}
