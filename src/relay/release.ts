import { EngramError } from "../crypto/errors.ts";
import { isSubnetObject } from "../crypto/subnet-json.ts";
import { readSubnetJson } from "../crypto/subnet-json-reader.ts";
import type { ChainClient } from "../node/ports.ts";
import { votersAt } from "./cosign/electorate.ts";
import { proposalTime, proposerDelay } from "./cosign/proposer-order.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { Submission } from "./outbox/outbox-types.ts";
import { thawOutput } from "./payload/freeze-output.ts";
import { makeNonce } from "./payload/nonce.ts";
import { withPayer } from "./payload/payer-binding.ts";
import { type PayloadSigner, payloadBody, signPayload } from "./payload/sign-payload.ts";

export interface ReleaseDeps {
  readonly outbox: Pick<Outbox, "call">;
  readonly chain: ChainClient;
  readonly signer: PayloadSigner;
  /** When this process began. */
  readonly since: number;
}

/**
 * `waits`: an earlier proposer's turn; `taken`: this hotkey signed another payload of the round. `skipped` and `expired`
 * are the journal's; `changed`: the round's voters are not those it began with;
 * `no_vote`: another hotkey of this owner votes.
 */
export type Release = "released" | "waits" | "taken" | "skipped" | "expired" | "changed" | "no_vote" | "no_permit";

/**
 * Signs what is final. Nonce and time are of now, so that they are fresh for the receiver (spec 14.1); the signed
 * bytes and the sign journal's entry reach the disk in one transaction before anyone sees them.
 */
export async function release(deps: ReleaseDeps, submission: Submission, now: number): Promise<Release> {
  const { outbox, chain, signer, since } = deps;
  const { chain: identity, netuid, block, blockHash, roundId, outputType, schemaVersion, job, createdAt } = submission;
  const metagraph = await chain.metagraph(block);
  const neuron = metagraph.neurons.find(({ hotkey }) => hotkey === signer.hotkey);
  if (outputType === "ranking") {
    const { voters, changed } = await votersAt(chain, block);
    const delay = proposerDelay({ neurons: voters }, netuid, roundId, signer.hotkey);
    if (delay === null) return neuron?.validatorPermit ? "no_vote" : "no_permit";
    if (changed) return "changed";
    // Another proposal of the round has this validator's signature: there is no turn to wait for.
    const key = { chain: identity, hotkey: signer.hotkey, netuid, roundId };
    if ((await outbox.call("signedInRound", key)) !== null) return "taken";
    if (now < proposalTime(createdAt, since, delay) || (await chain.finalized()).number < block + delay) return "waits";
  }
  const document = readSubnetJson(submission.outputJson);
  if (!isSubnetObject(document)) throw damaged();
  const nonce = makeNonce(outputType, block, neuron?.uid ?? null, now);
  const output = thawOutput(outputType, document);
  // What was queued is what is signed.
  if (output.hash !== submission.outputHash) throw damaged();
  const body = payloadBody({ schemaVersion, netuid, block, blockHash, roundTs: now / 1_000, nonce, output });
  const signed = signPayload(body, signer);
  const { hotkey } = signer;
  const journal =
    outputType === "ranking"
      ? { chain: identity, hotkey, netuid, roundId, signedHash: signed.signedHash, proposer: hotkey }
      : null;
  const { signedHash } = signed;
  const text = submission.payer == null ? signed.text : withPayer(signed, signer, submission.payer, now);
  const released = await outbox.call("release", { job, nonce, signedHash, body: text, journal, now });
  return released === "recorded" ? "released" : released;
}

function damaged(): EngramError {
  return new EngramError("OUTPUT_DAMAGED", "a queued output is not what was queued", {
    fix: "engram relay drop gives it up; publish it again",
  });
}
