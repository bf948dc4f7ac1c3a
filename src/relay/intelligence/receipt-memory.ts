import { LRUCache } from "lru-cache";
import type { GatewayKeys } from "../gateway-keys.ts";
import type { Receipt } from "../receipt.ts";
import type { Checkpoint } from "../signed-statement.ts";
import { ItemRefusal } from "./item-refusal.ts";

const MAX_RECEIPTS = 10_000;

/**
 * The receipts a reader has seen of its gateway, so that a gateway cannot tell two stories: a number has one receipt,
 * and neighbours are linked. What filters hide leaves gaps, across which nothing is known.
 */
export class ReceiptMemory {
  readonly #known = new LRUCache<number, Receipt>({ max: MAX_RECEIPTS });

  #checkpoint: Checkpoint | null = null;

  /** Remembers a verified receipt. Throws `ItemRefusal`. */
  admit(receipt: Receipt, keys: GatewayKeys): void {
    const { gateway_seq: seq } = receipt;
    const [before, same, behind] = [seq - 1, seq, seq + 1].map((number) => this.#known.get(number));
    if (same && same.receipt_hash !== receipt.receipt_hash) throw new ItemRefusal("sequence_repeated");
    const isLinked =
      (seq === 1 ? keys.follows(null, receipt) : !before || keys.follows(before, receipt)) &&
      (!behind || keys.follows(receipt, behind));
    if (!isLinked) throw new ItemRefusal("receipt_chain_broken");
    // A gateway that said where its chain stood cannot have put another receipt there.
    const head = this.#checkpoint?.head;
    if (head && head.gateway_seq === seq && head.receipt_hash !== receipt.receipt_hash) {
      throw new ItemRefusal("sequence_repeated");
    }
    this.#known.set(seq, receipt);
  }

  /**
   * Remembers where the gateway says its chain stands. False when it contradicts what it said or signed before: fewer
   * receipts, an older head, or another receipt of that number.
   */
  note(checkpoint: Checkpoint): boolean {
    const { head, receipts, ledger, at_ms } = checkpoint;
    const before = this.#checkpoint;
    const [seq, wasSeq] = [head?.gateway_seq ?? 0, before?.head?.gateway_seq ?? 0];
    const known = head === null ? undefined : this.#known.get(head.gateway_seq);
    // A restored ledger has lost receipts, and says so by another name.
    // One that was made before may arrive after.
    const isOlder = before !== null && at_ms < before.at_ms;
    const isShorter = before?.ledger === ledger && !isOlder && (receipts < before.receipts || seq < wasSeq);
    const isOther =
      (known !== undefined && known.receipt_hash !== head?.receipt_hash) ||
      (seq > 0 && seq === wasSeq && before?.head?.receipt_hash !== head?.receipt_hash);
    if (isShorter || isOther) return false;
    if (!isOlder) this.#checkpoint = checkpoint;
    return true;
  }
}
