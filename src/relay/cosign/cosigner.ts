import { isEngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import type { ChainClient } from "../../node/ports.ts";
import { checkFinality } from "../finality.ts";
import { cosignMessage } from "../payload/hashes.ts";
import { payloadOf } from "../payload/read-payload.ts";
import type { PayloadSigner } from "../payload/sign-payload.ts";
import type { Cosignature, SignedPayload } from "../payload/types.ts";
import { verifyPayload } from "../payload/verify-payload.ts";
import { judgeAgreement, type OwnScores, type ProposedScores } from "./agreement.ts";
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
  | { readonly status: CosignStatus; readonly body: { readonly error: string; readonly distance?: number } };

/** Decides about one proposal, in the order of spec 14.2. Errors: those of the chain and of the journal. */
export async function cosign(context: CosignContext, document: SubnetObject): Promise<CosignAnswer> {
  const payload = readProposal(document);
  if (payload === null) return refuse(400, "malformed");
  const problem = verifyPayload(context.sr25519, payload);
  if (problem === "bad_signature") return refuse(401, problem);
  if (problem !== null) return refuse(422, problem);
  if (payload.content.type !== "ranking") return refuse(422, "not_a_ranking");
  if (payload.netuid !== context.netuid) return refuse(422, "netuid_mismatch");
  return (await refusedByChain(context, payload)) ?? (await compareAndSign(context, payload));
}

async function refusedByChain({ chain, signer }: CosignContext, payload: SignedPayload): Promise<CosignAnswer | null> {
  if (payload.validatorHotkey === signer.hotkey) return refuse(422, "own_payload");
  const hash = payload.blockHash ?? (await chain.blockHash(payload.block));
  if (hash === null) return refuse(425, "not_final");
  const finality = await checkFinality(chain, { number: payload.block, hash });
  if (finality === "waiting") return refuse(425, "not_final");
  if (finality === "orphaned") return refuse(422, "orphaned");
  const { neurons } = await chain.metagraph(payload.block);
  const proposer = neurons.find(({ hotkey }) => hotkey === payload.validatorHotkey);
  if (!proposer?.validatorPermit) return refuse(403, "not_a_validator");
  return proposer.uid === payload.nonceParts.uid ? null : refuse(403, "uid_mismatch");
}

async function compareAndSign(context: CosignContext, payload: SignedPayload): Promise<CosignAnswer> {
  const { roundId, netuid, signedHash, validatorHotkey } = payload;
  const own = await nearestRound(context, roundId);
  if (!own) return refuse(425, "no_own_scores");
  const { agrees, distance } = judgeAgreement(own, proposedScores(payload));
  if (!agrees) return { status: 409, body: { error: "disagree", distance } };
  const { journal, signer, chain } = context;
  const key = { chain: await chain.identity(), hotkey: signer.hotkey, netuid, roundId };
  const signature = await journal.sign({ ...key, signedHash, proposer: validatorHotkey }, cosignMessage(payload));
  if (signature === null) return refuse(409, "round_taken");
  return { status: 200, body: { validator_hotkey: signer.hotkey, signature, signed_hash: signedHash } };
}

/** Rounds meet at their edges: a neighbour's scores count too (spec 14.2). */
async function nearestRound(context: CosignContext, roundId: number): Promise<OwnScores | null> {
  for (const candidate of [roundId, roundId - 1, roundId + 1]) {
    const own = await context.ownScores(candidate);
    if (own) return own;
  }
  return null;
}

function proposedScores({ content }: SignedPayload): ProposedScores {
  const scores = content.type === "ranking" ? Object.entries(content.output.scores) : [];
  return new Map(
    scores.map(([uid, { recall, proof_rate: proofRate }]) => [Number(uid), { recall, proofRate }] as const),
  );
}

function readProposal(document: SubnetObject): SignedPayload | null {
  try {
    return payloadOf(document);
  } catch (error) {
    if (isEngramError(error, "PAYLOAD_MALFORMED")) return null;
    throw error;
  }
}

function refuse(status: CosignStatus, error: string): CosignAnswer {
  return { status, body: { error } };
}
