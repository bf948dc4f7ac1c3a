import { toHex } from "../../crypto/hex.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type TrustTier, trustTier } from "../../crypto/trust-tier.ts";
import { servingMiners } from "../../node/chain/serving-miners.ts";
import { verifyAuthor } from "../../node/client/replication/public-record.ts";
import type { ChainClient, Neuron } from "../../node/ports.ts";
import type { MinerCallDeps } from "../../node/validator/replication/fetch-content.ts";
import { checkFinality } from "../finality.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { cosignMessage, sha256Hex } from "../payload/hashes.ts";
import type { PayloadSigner } from "../payload/sign-payload.ts";
import type { MemoryItem, SignedPayload } from "../payload/types.ts";
import { verifyPayload } from "../payload/verify-payload.ts";
import { known } from "../release.ts";
import { type CosignAnswer, type Proposal, refuse } from "./cosigner.ts";
import { votersOf } from "./electorate.ts";
import { twoCopies } from "./two-copies.ts";
import type { VouchKey } from "./vouch-journal.ts";

/** What a validator vouches for others' public memories with. */
export interface VouchContext extends Pick<MinerCallDeps, "http" | "clock" | "signal"> {
  readonly netuid: number;
  readonly signer: PayloadSigner;
  readonly sr25519: Sr25519;
  readonly chain: Pick<ChainClient, "identity" | "head" | "finalized" | "blockHash" | "metagraph">;
  readonly outbox: Pick<Outbox, "call">;
}

/** Each costs calls to miners; a submission with more is published under its author alone. */
export const MAX_VOUCHED_ITEMS = 32;
/** Items that are looked for at a time. */
const AT_ONCE = 4;
/** For all items together, well within what the author waits. */
const FETCH_MS = 20_000;

const TIERS: readonly TrustTier[] = ["anonymous", "community", "verified", "sovereign"];

/**
 * Decides about one memory output that its author asks to have raised to `quorum`: signed when every CID's bytes came from
 * miners of two owners, hash to the CID here, and hold the text under the author's own signature. Score, replicas and
 * status stay the author's word. Nothing is written down before all of that held. Errors: those of chain and journal.
 */
export async function vouch(context: VouchContext, { caller, payload }: Proposal): Promise<CosignAnswer> {
  const { signer, sr25519, netuid } = context;
  if (payload.validatorHotkey !== caller) return refuse(403, "not_the_author");
  if (caller === signer.hotkey) return refuse(422, "own_payload");
  const problem = verifyPayload(sr25519, payload);
  if (problem !== null) return refuse(problem === "bad_signature" ? 401 : 422, problem);
  if (payload.content.type !== "memory") return refuse(422, "not_a_memory");
  if (payload.netuid !== netuid) return refuse(422, "netuid_mismatch");
  const { items, merkle_root: root } = payload.content.output;
  if (items.length === 0 || items.length > MAX_VOUCHED_ITEMS) return refuse(422, "item_count");
  // Nobody here could say whether it is right.
  if (root !== null) return refuse(422, "merkle_root_unchecked");
  const at = await neuronsAt(context, payload);
  return "body" in at ? at : await checkAndSign(context, payload, at);
}

/** Who was there at the payload's block, when this validator votes there; else its refusal. */
async function neuronsAt(
  { chain, signer }: VouchContext,
  { block, blockHash, nonceParts, validatorHotkey: author }: SignedPayload,
): Promise<readonly Neuron[] | CosignAnswer> {
  const finality = await checkFinality(chain, { number: block, hash: blockHash ?? "" });
  if (finality === "waiting") return refuse(425, "not_final");
  if (finality === "orphaned") return refuse(422, "orphaned");
  const metagraph = await known(chain.metagraph(block));
  if (metagraph === null) return refuse(409, "block_forgotten");
  const { neurons } = metagraph;
  if (!votersOf(neurons).some(({ hotkey }) => hotkey === signer.hotkey)) return refuse(409, "no_vote");
  const uid = neurons.find(({ hotkey }) => hotkey === author)?.uid ?? null;
  return nonceParts.uid === null || nonceParts.uid === uid ? neurons : refuse(403, "uid_mismatch");
}

async function checkAndSign(
  context: VouchContext,
  payload: SignedPayload,
  neurons: readonly Neuron[],
): Promise<CosignAnswer> {
  const { chain, signer, netuid, outbox, clock } = context;
  const { signedHash, roundId, nonce, validatorHotkey: author } = payload;
  const key: VouchKey = { chain: await chain.identity(), hotkey: signer.hotkey, netuid, author, nonce };
  const before = await outbox.call("vouched", key);
  if (before && before.signedHash !== signedHash) return refuse(409, "nonce_taken");
  if (before?.signature) return signed(context, payload, before.signature);
  const why = await refusedByContent(context, payload, neurons, key.chain);
  if (why !== null) return why;
  const entry = { ...key, roundId, signedHash };
  const { kind, signature: earlier } = await outbox.call("recordVouching", { ...entry, now: clock.now() });
  if (kind === "taken") return refuse(409, "nonce_taken");
  if (kind === "expired") return refuse(409, "round_expired");
  if (earlier !== null) return signed(context, payload, earlier);
  // On disk by now: a crash from here on signs the same payload again at worst.
  const signature = `0x${toHex(signer.sign(cosignMessage(payload)))}`;
  return signed(context, payload, await outbox.call("storeVouching", { ...entry, signature }));
}

function signed({ signer }: VouchContext, { signedHash }: SignedPayload, signature: string): CosignAnswer {
  return { status: 200, body: { validator_hotkey: signer.hotkey, signature, signed_hash: signedHash } };
}

/** The first item that does not hold. What could not be had from two miners may be had later: 425. */
async function refusedByContent(
  context: VouchContext,
  payload: SignedPayload,
  neurons: readonly Neuron[],
  identity: string,
): Promise<CosignAnswer | null> {
  if (payload.content.type !== "memory") return refuse(422, "not_a_memory");
  const { items, miner_hotkey: named } = payload.content.output;
  const miners = servingMiners((await context.chain.metagraph()).neurons, identity.startsWith("local:"));
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(FETCH_MS)]);
  const deps: MinerCallDeps = { http: context.http, clock: context.clock, identity: context.signer, signal };
  const stake = neurons.find(({ hotkey }) => hotkey === payload.validatorHotkey)?.stakeTao ?? 0;
  const most = TIERS.indexOf(trustTier(stake));
  const waiting = [...items];
  let refused: CosignAnswer | null = null;
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined && refused === null; item = waiting.shift()) {
      if (TIERS.indexOf(item.trust_tier) > most) refused = refuse(422, "tier_differs");
      else refused ??= await refusedItem(context, deps, { item, miners, named, payload, identity });
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return refused;
  } catch (error) {
    context.signal.throwIfAborted();
    if (signal.aborted) return refuse(425, "not_held");
    throw error;
  }
}

interface Claim extends Pick<Parameters<typeof twoCopies>[2], "miners" | "named"> {
  readonly item: MemoryItem;
  readonly payload: SignedPayload;
  readonly identity: string;
}

async function refusedItem(
  { sr25519, clock }: VouchContext,
  deps: MinerCallDeps,
  { item, payload, identity, ...where }: Claim,
): Promise<CosignAnswer | null> {
  const metadata = await twoCopies(deps, item.cid, where);
  if (metadata === null) return refuse(425, "not_held");
  // An envelope is its owner's alone, wherever it was found.
  if (metadata.has("_enc")) return refuse(422, "private_record");
  const authored = verifyAuthor(metadata, identity, sr25519);
  if (authored?.author !== payload.validatorHotkey) return refuse(422, "author_differs");
  if (sha256Hex(authored.text) !== item.content_sha256) return refuse(422, "content_differs");
  const isOver = authored.expiresAt !== undefined && authored.expiresAt <= clock.now();
  return isOver ? refuse(422, "memory_expired") : null;
}
