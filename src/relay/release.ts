import { EngramError, isEngramError } from "../crypto/errors.ts";
import { isSubnetObject } from "../crypto/subnet-json.ts";
import { readSubnetJson } from "../crypto/subnet-json-reader.ts";
import type { ChainClient, Neuron } from "../node/ports.ts";
import { votersAt } from "./cosign/electorate.ts";
import { proposalTime, proposerDelay } from "./cosign/proposer-order.ts";
import { CONFIRMATIONS } from "./finality.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { Submission } from "./outbox/outbox-types.ts";
import { thawOutput } from "./payload/freeze-output.ts";
import { makeNonce, roundIdOf } from "./payload/nonce.ts";
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
 * `no_vote`: another hotkey of this owner votes; `forgotten`: the chain no longer knows who voted.
 */
export type Release =
  | "released"
  | "waits"
  | "taken"
  | "skipped"
  | "expired"
  | "changed"
  | "no_vote"
  | "no_permit"
  | "forgotten";

/**
 * Signs what is final. Nonce and time are of now, so that they are fresh for the receiver (spec 14.1); the signed
 * bytes and the sign journal's entry reach the disk in one transaction before anyone sees them.
 */
export async function release(deps: ReleaseDeps, submission: Submission, now: number): Promise<Release> {
  const { outbox, chain, signer, since } = deps;
  const { chain: identity, netuid, outputType, schemaVersion, job, createdAt } = submission;
  const { block, blockHash, roundId } = await blockOf(deps, submission);
  const neuron = await neuronAt(deps, block, outputType);
  if (neuron === "gone") return "forgotten";
  if (outputType === "ranking") {
    const at = await known(votersAt(chain, block));
    if (at === null) return "forgotten";
    const { voters, changed } = at;
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
  const at = { block, blockHash, roundId };
  const released = await outbox.call("release", { job, nonce, signedHash, body: text, ...at, journal, now });
  return released === "recorded" ? "released" : released;
}

/**
 * Who vouches for a memory must know who votes at its block: where it waited long for a signature, that is a newer one,
 * as far behind the finalized head as a queued one is.
 */
async function blockOf({ chain }: ReleaseDeps, { outputType, assurance, ...queued }: Submission) {
  if (outputType !== "memory" || assurance !== "quorum") return queued;
  const block = (await chain.finalized()).number - CONFIRMATIONS;
  const blockHash = block > queued.block ? await chain.blockHash(block) : null;
  return blockHash === null ? queued : { block, blockHash, roundId: roundIdOf(block) };
}

/** This hotkey's neuron at a block; authors need none, voters do: `gone` where nobody knows them any more. */
async function neuronAt(
  { chain, signer }: ReleaseDeps,
  block: number,
  outputType: Submission["outputType"],
): Promise<Neuron | undefined | "gone"> {
  const metagraph = await known(chain.metagraph(block));
  if (metagraph === null) return outputType === "ranking" ? "gone" : undefined;
  return metagraph.neurons.find(({ hotkey }) => hotkey === signer.hotkey);
}

/** Null where the chain no longer keeps what was asked for: nodes forget old blocks within the hour. */
export async function known<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (isEngramError(error, "CHAIN_HISTORY_GONE")) return null;
    throw error;
  }
}

function damaged(): EngramError {
  return new EngramError("OUTPUT_DAMAGED", "a queued output is not what was queued", {
    fix: "engram relay drop gives it up; publish it again",
  });
}
