import { EngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainCheck, ChainState } from "../gateway/chain-check.ts";
import { judgeVotes } from "../gateway/judge-votes.ts";
import type { Submission } from "../gateway/submission.ts";
import { countVotes, isQuorum, permittedSet } from "../quorum.ts";
import type { QuorumSignature } from "../receipt.ts";
import type { PaymentCheck } from "./check-payment.ts";
import { proveSubmission, requireReceiptOf } from "./check-submission.ts";
import type { ClaimedItem } from "./feed-wire.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { chainAway, ItemRefusal, problemOf } from "./item-refusal.ts";
import { PastNeurons } from "./past-neurons.ts";
import { ReceiptMemory } from "./receipt-memory.ts";
import { SignedByGateway } from "./signed-by-gateway.ts";
import type { CheckedItem, CheckedQuorum, RefusedItem } from "./types.ts";

export interface ItemCheckerDeps {
  /** Pinned: whose receipts count. */
  readonly hotkey: Hotkey;
  readonly netuid: number;
  /** Of a validator whose signature counts. */
  readonly minStakeTao: number;
  readonly gateway: GatewayConnection;
  readonly chain: ChainCheck;
  readonly payments: PaymentCheck;
  readonly sr25519: Sr25519;
}

/** Proves items from what the gateway shows, the chain and the payment chain; the gateway's verdicts count nothing. */
export class ItemChecker {
  readonly #deps: ItemCheckerDeps;
  readonly #neurons: PastNeurons;
  readonly #receipts = new ReceiptMemory();
  readonly #signed: SignedByGateway;

  constructor(deps: ItemCheckerDeps) {
    this.#deps = deps;
    this.#neurons = new PastNeurons(deps.chain);
    this.#signed = new SignedByGateway(deps.hotkey, deps.gateway);
  }

  /** The chain as of now, for `check`. Throws `CHAIN_UNREACHABLE`. */
  async chainState(): Promise<ChainState> {
    try {
      return await this.#deps.chain.state();
    } catch (error) {
      throw chainAway(error);
    }
  }

  /** Holds the gateway to what it says of its chain of receipts. Throws `GATEWAY_CONTRADICTS`. */
  async holdToCheckpoint(signal: AbortSignal): Promise<void> {
    const checkpoint = await this.#signed.checkpoint(signal);
    if (checkpoint === null || this.#receipts.note(checkpoint)) return;
    throw new EngramError("GATEWAY_CONTRADICTS", "the gateway signed two stories about its receipts", {
      fix: "do not rely on this gateway; keep its answers as evidence",
    });
  }

  /** Throws only what says nothing about the item: a gateway or a chain that does not answer. */
  async check(item: ClaimedItem, state: ChainState, signal: AbortSignal): Promise<CheckedItem | RefusedItem> {
    try {
      return await this.#prove(item, state, signal);
    } catch (error) {
      return { id: item.id, seq: item.seq, problem: problemOf(error) };
    }
  }

  async #prove(item: ClaimedItem, state: ChainState, signal: AbortSignal): Promise<CheckedItem> {
    const { gateway, sr25519, chain, payments, netuid } = this.#deps;
    const shown = await gateway.evidence(item.id, item.assurance, signal);
    const { receipt, keys } = await this.#signed.receipt(shown.receipt, item.id, signal);
    const proven = proveSubmission(sr25519, item, shown);
    requireReceiptOf(receipt, item, proven);
    const { submission, late, content } = proven;
    if (receipt.chain !== state.identity || submission.netuid !== netuid) throw new ItemRefusal("chain_mismatch");
    await chain.requireFinal(submission, state);
    const quorum = submission.assurance === "quorum" ? await this.#quorum(item, submission, late, state) : null;
    const payment = await payments.check(receipt, signal);
    this.#receipts.admit(receipt, keys);
    return {
      id: item.id,
      seq: item.seq,
      netuid,
      block: submission.block,
      chain: state.identity,
      outputType: submission.outputType,
      assurance: submission.assurance,
      author: submission.hotkey,
      cosigners: submission.signatures.slice(1).map(({ validator_hotkey }) => validator_hotkey as Hotkey),
      quorum,
      paid: receipt.payment_hash !== null,
      // The receipt's word, where it shows the payment: its hash covers it.
      payerBound: receipt.payment_hash === null ? null : (payment?.bound ?? item.payer_bound),
      payment,
      receipt,
      acceptedAtMs: receipt.accepted_at_ms,
      content,
    };
  }

  /** Counts the validators at the submission's block, one a coldkey: without those that came late it must be enough. */
  async #quorum(
    item: ClaimedItem,
    submission: Submission,
    late: readonly QuorumSignature[],
    { identity }: ChainState,
  ): Promise<CheckedQuorum> {
    const metagraph = await this.#neurons.at(identity, submission.block);
    if (submission.blockHash !== null && metagraph.hash !== submission.blockHash) {
      throw new ItemRefusal("chain_mismatch");
    }
    const permitted = permittedSet(metagraph, this.#deps.minStakeTao);
    const { votes, signatures } = judgeVotes(submission, permitted);
    const all = [...signatures, ...late].map(({ validator_hotkey }) => validator_hotkey);
    const { have, need } = countVotes(permitted, all);
    if (!isQuorum(votes) || (item.verified.quorum?.have ?? 0) > have) throw new ItemRefusal("quorum_missing");
    if (signatures.length < submission.signatures.length) throw new ItemRefusal("not_a_validator");
    return { votes: have, needed: need };
  }
}
