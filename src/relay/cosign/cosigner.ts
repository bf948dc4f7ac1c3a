import { isEngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { writeCompact } from "../../crypto/subnet-json-writer.ts";
import type { ChainClient } from "../../node/ports.ts";
import { checkFinality } from "../finality.ts";
import { cosignMessage } from "../payload/hashes.ts";
import { payloadOf } from "../payload/read-payload.ts";
import type { PayloadSigner } from "../payload/sign-payload.ts";
import type { Cosignature, SignedPayload } from "../payload/types.ts";
import { verifyPayload } from "../payload/verify-payload.ts";
import { judgeAgreement, type OwnScores, type ProposedScores } from "./agreement.ts";
import { votersAt } from "./electorate.ts";
import { proposerDelay } from "./proposer-order.ts";
import type { SignJournal } from "./sign-journal.ts";

/** What a validator co-signs with. */
export interface CosignContext {
  readonly netuid: number;
  readonly signer: PayloadSigner;
  readonly sr25519: Sr25519;
  readonly chain: Pick<ChainClient, "identity" | "head" | "finalized" | "blockHash" | "metagraph">;
  readonly journal: SignJournal;
  /** This validator's own scores of a round; null where it has none. */
  ownScores(roundId: number): Promise<OwnScores | null>;
}

type CosignStatus = 400 | 401 | 403 | 409 | 422 | 425;

export type CosignAnswer =
  | { readonly status: 200; readonly body: Cosignature & { readonly signed_hash: string } }
  | {
      readonly status: CosignStatus;
      readonly body: { readonly error: string; readonly distance?: number; readonly signed_hash?: string };
    };

/** What of a payload is refused or signed; the proposer of one is who may ask for its signatures. */
export interface Proposal {
  /** Authenticated. */
  readonly caller: Hotkey;
  readonly payload: SignedPayload;
  /** As it was sent, without what may surround it. */
  readonly document: SubnetObject;
}

/** Reads `document`; null when it is no payload. */
export function readProposal(caller: Hotkey, document: SubnetObject): Proposal | null {
  try {
    return { caller, document, payload: payloadOf(document) };
  } catch (error) {
    if (isEngramError(error, "PAYLOAD_MALFORMED")) return null;
    throw error;
  }
}

/**
 * Decides about one proposal, in the order of spec 14.2. Who asks must have signed the payload itself, have a vote and
 * be in turn: before that nothing is written down. Errors: those of the chain and of the journal.
 */
export async function cosign(context: CosignContext, proposal: Proposal): Promise<CosignAnswer> {
  const { caller, payload } = proposal;
  if (payload.validatorHotkey !== caller) return refuse(403, "not_the_proposer");
  if (payload.validatorHotkey === context.signer.hotkey) return refuse(422, "own_payload");
  const problem = verifyPayload(context.sr25519, payload);
  if (problem === "bad_signature") return refuse(401, problem);
  if (problem !== null) return refuse(422, problem);
  if (payload.content.type !== "ranking") return refuse(422, "not_a_ranking");
  if (payload.netuid !== context.netuid) return refuse(422, "netuid_mismatch");
  return (await refusedByChain(context, payload)) ?? (await compareAndSign(context, proposal));
}

async function refusedByChain({ chain, signer }: CosignContext, payload: SignedPayload): Promise<CosignAnswer | null> {
  const { block, netuid, roundId, validatorHotkey } = payload;
  const hash = payload.blockHash ?? (await chain.blockHash(block));
  if (hash === null) return refuse(425, "not_final");
  const finality = await checkFinality(chain, { number: block, hash });
  if (finality === "waiting") return refuse(425, "not_final");
  if (finality === "orphaned") return refuse(422, "orphaned");
  const { voters, changed } = await votersAt(chain, block);
  const proposer = voters.find(({ hotkey }) => hotkey === validatorHotkey);
  if (!proposer) return refuse(403, "not_a_validator");
  if (proposer.uid !== payload.nonceParts.uid) return refuse(403, "uid_mismatch");
  if (!voters.some(({ hotkey }) => hotkey === signer.hotkey)) return refuse(409, "no_vote");
  if (changed) return refuse(409, "voters_changed");
  const delay = proposerDelay({ neurons: voters }, netuid, roundId, validatorHotkey) ?? Number.POSITIVE_INFINITY;
  return (await chain.finalized()).number < block + delay ? refuse(425, "not_in_turn") : null;
}

async function compareAndSign(context: CosignContext, { payload, document }: Proposal): Promise<CosignAnswer> {
  const { roundId, netuid, signedHash, validatorHotkey: proposer } = payload;
  const { journal, signer, chain } = context;
  const key = { chain: await chain.identity(), hotkey: signer.hotkey, netuid, roundId };
  const noted = await journal.noteProposal({ ...key, signedHash, proposer, body: writeCompact(document) });
  if (noted === "skipped") return refuse(409, "round_skipped");
  if (noted === "excluded") return refuse(403, "equivocated");
  const own = await context.ownScores(roundId);
  const near = own ?? (await neighbouring(context, roundId));
  if (!near) return refuse(425, "no_own_scores");
  const { agrees, distance } = judgeAgreement(near, proposedScores(payload));
  // By its own scores of the round a validator says no for good; until it has them it may yet agree.
  if (!agrees) return own ? { status: 409, body: { error: "disagree", distance } } : refuse(425, "no_own_scores");
  const signing = await journal.sign({ ...key, signedHash, proposer }, cosignMessage(payload));
  switch (signing.kind) {
    case "signed":
      return {
        status: 200,
        body: { validator_hotkey: signer.hotkey, signature: signing.signature, signed_hash: signedHash },
      };
    case "taken":
      return { status: 409, body: { error: "round_taken", signed_hash: signing.signedHash } };
    case "skipped":
    case "expired":
      return refuse(409, `round_${signing.kind}`);
  }
}

/** Rounds meet at their edges: a neighbour's scores count too (spec 14.2). */
async function neighbouring(context: CosignContext, roundId: number): Promise<OwnScores | null> {
  return (await context.ownScores(roundId - 1)) ?? (await context.ownScores(roundId + 1));
}

function proposedScores({ content }: SignedPayload): ProposedScores {
  const scores = content.type === "ranking" ? Object.entries(content.output.scores) : [];
  return new Map(
    scores.map(([uid, { recall, proof_rate: proofRate }]) => [Number(uid), { recall, proofRate }] as const),
  );
}

/** An answer that signs nothing. */
export function refuse(status: CosignStatus, error: string): CosignAnswer {
  return { status, body: { error } };
}
