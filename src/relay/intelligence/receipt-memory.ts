import { LRUCache } from "lru-cache";
import { followsReceipt, type Receipt } from "../receipt.ts";
import { ItemRefusal } from "./item-refusal.ts";

const MAX_RECEIPTS = 10_000;

/**
 * The receipts a reader has seen of its gateway, so that a gateway cannot tell two stories: a number has one receipt,
 * and neighbours are linked. What filters hide leaves gaps, across which nothing is known.
 */
export class ReceiptMemory {
  readonly #known = new LRUCache<number, Receipt>({ max: MAX_RECEIPTS });

  /** Remembers a verified receipt. Throws `ItemRefusal`. */
  admit(receipt: Receipt): void {
    const { gateway_seq: seq } = receipt;
    const [before, same, behind] = [seq - 1, seq, seq + 1].map((number) => this.#known.get(number));
    if (same && same.receipt_hash !== receipt.receipt_hash) throw new ItemRefusal("sequence_repeated");
    const isLinked =
      (seq === 1 ? followsReceipt(null, receipt) : !before || followsReceipt(before, receipt)) &&
      (!behind || followsReceipt(receipt, behind));
    if (!isLinked) throw new ItemRefusal("receipt_chain_broken");
    this.#known.set(seq, receipt);
  }
}
