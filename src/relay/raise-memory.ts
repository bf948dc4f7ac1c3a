import type { Hotkey } from "../crypto/ss58.ts";
import type { Lease } from "../node/client/leases.ts";
import type { ChainClient } from "../node/ports.ts";
import { type CosignCollector, collectCosignatures } from "./cosign/collect-cosignatures.ts";
import { votersOf } from "./cosign/electorate.ts";
import { PROPOSE_PATH } from "./cosign/routes.ts";
import { type VotingPeersDeps, votingPeers } from "./cosign/voting-peers.ts";
import type { Submission } from "./outbox/outbox-types.ts";
import { countVotes, isQuorum, permittedSet } from "./quorum.ts";
import { known } from "./release.ts";
import { QUORUM_LIMIT_MS } from "./settle-attempt.ts";
import { endAs, type MoveDeps, moveTo, waitUntil } from "./submission-moves.ts";

export interface RaiseMemoryDeps extends MoveDeps, VotingPeersDeps {
  readonly chain: ChainClient;
  readonly collector: CosignCollector;
}

const FIRST_ASK_MS = 5_000;
const MAX_ASK_MS = 60_000;
/** Validators fetch every record from two miners before they answer. */
const DEADLINE_MS = 30_000;

/**
 * Asks the validators of its block to vouch for a memory, until enough of them have: below its quorum it is never sent. Where
 * too many refused for good, or too few answered for an hour, it is parked; `engram relay replay` asks anew. True: it
 * goes on at once.
 */
export async function raiseMemory(deps: RaiseMemoryDeps, submission: Submission, lease: Lease): Promise<boolean> {
  const { outbox, collector, clock, chain } = deps;
  const { job, block, body, cosignatures, polls, releasedAt } = submission;
  if (body === null) throw new TypeError("what is vouched for is signed");
  const metagraph = await known(chain.metagraph(block));
  // Validators know no more than this who votes there.
  if (metagraph === null) return await endAs(deps, submission, "parked", "no_quorum");
  const [voters, set] = [votersOf(metagraph.neurons), permittedSet(metagraph, 0)];
  const meets = (signers: readonly Hotkey[]) => isQuorum(countVotes(set, signers));
  const have = [deps.signer.hotkey, ...cosignatures.map(({ validator_hotkey }) => validator_hotkey)];
  // Who was told that validators are missing asks on: the receiver may count otherwise than this relay.
  if (polls === 0 && meets(have)) return await moveTo(deps, submission, "submitting");
  const peers = (await votingPeers(deps, submission, voters)).filter(({ hotkey }) => !have.includes(hotkey));
  await lease.check();
  const { traceparent } = submission;
  const request = { path: PROPOSE_PATH, body, peers, deadlineMs: DEADLINE_MS, traceparent };
  const { found, lost } = await collectCosignatures(collector, request, lease.signal);
  await outbox.call("addCosignatures", { job, found });
  if (meets([...have, ...found.map(({ validator_hotkey }) => validator_hotkey)])) {
    return await moveTo(deps, submission, "submitting");
  }
  const possible = voters.map(({ hotkey }) => hotkey).filter((hotkey) => !lost.includes(hotkey));
  if (!meets(possible)) return await endAs(deps, submission, "parked", "quorum_refused");
  const waited = clock.now() - (releasedAt ?? 0);
  if (waited >= QUORUM_LIMIT_MS) return await endAs(deps, submission, "parked", "no_quorum");
  const pause = Math.min(MAX_ASK_MS, Math.max(FIRST_ASK_MS, waited / 2));
  await waitUntil(deps, submission, "quorum", clock.now() + pause);
  return false;
}
