import type { Hotkey } from "../../crypto/ss58.ts";
import type { Neuron } from "../ports.ts";
import { isCallable } from "./miner-address.ts";
import type { CallableMiner } from "./visit-miner.ts";

/** The neurons that a validator judges: all but validators and itself. */
export function minersOf(neurons: readonly Neuron[], self: Hotkey): readonly Neuron[] {
  return neurons.filter(({ hotkey, validatorPermit }) => !validatorPermit && hotkey !== self);
}

/** Those of them that may be called at the address they serve (V-W6, V-W7). */
export function callableMiners(miners: readonly Neuron[], isSimulated: boolean): readonly CallableMiner[] {
  return miners.flatMap(({ uid, hotkey, stakeTao, endpoint }) =>
    endpoint !== null && isCallable(endpoint, isSimulated) ? [{ uid, hotkey, stakeTao, endpoint }] : [],
  );
}
