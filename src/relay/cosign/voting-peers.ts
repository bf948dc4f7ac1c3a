import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient, Neuron } from "../../node/ports.ts";
import type { Auth2Peer } from "../../node/protocol/auth2-caller.ts";
import { isCallable } from "../../node/validator/miner-address.ts";

export interface VotingPeersDeps {
  readonly chain: Pick<ChainClient, "metagraph">;
  readonly signer: { readonly hotkey: Hotkey };
  /** Validators where the operator says they are; this counts more than what the chain says. */
  readonly peers: readonly Auth2Peer[];
}

/**
 * The other voters of a block, where they are reached now: at the block some were not yet, or elsewhere. On a real chain
 * anybody writes an address there, so that of those no inner ones are called (V-W7).
 */
export async function votingPeers(
  { chain, signer, peers }: VotingPeersDeps,
  { chain: identity }: { readonly chain: string },
  voters: readonly Neuron[],
): Promise<readonly Auth2Peer[]> {
  const isSimulated = identity.startsWith("local:");
  const addresses = new Map<Hotkey, string>();
  for (const { hotkey, endpoint: url } of (await chain.metagraph()).neurons) {
    if (url !== null && isCallable(url, isSimulated)) addresses.set(hotkey, url);
  }
  for (const { hotkey, url } of peers) addresses.set(hotkey, url);
  addresses.delete(signer.hotkey);
  return voters.flatMap(({ hotkey }) => {
    const url = addresses.get(hotkey);
    return url === undefined ? [] : [{ hotkey, url }];
  });
}
