import { LRUCache } from "lru-cache";
import { findToken } from "../payment/payment-tokens.ts";
import type { Hex, PaymentNetwork } from "../payment/payment-types.ts";
import type { Receipt } from "../receipt.ts";
import { ItemRefusal } from "./item-refusal.ts";
import type { CheckedPayment } from "./types.ts";

/** A transfer that its payer authorized by a signature (ERC-3009). */
interface AuthorizedTransfer {
  readonly to: Hex;
  /** In the token's smallest unit. */
  readonly value: bigint;
}

/** What a reader asks the payment chain. Errors: `PAYMENT_CHAIN_UNREACHABLE`. */
export interface TransferLookup {
  network(): Promise<PaymentNetwork>;
  /** Those of `payer` in a transaction that succeeded; null when there is no such transaction. */
  transfers(question: {
    readonly transaction: Hex;
    readonly asset: Hex;
    readonly payer: Hex;
  }): Promise<readonly AuthorizedTransfer[] | null>;
}

export interface PaymentCheckDeps {
  /** Null: no payment chain is configured. */
  readonly lookup: TransferLookup | null;
  /** Who may have been paid; null for whomever the gateway names, which `payee` asks. */
  readonly payees: readonly Hex[] | null;
  readonly payee: (signal: AbortSignal) => Promise<Hex | null>;
}

const MAX_TRANSFERS = 10_000;

/** Looks payments up on their own chain: a receipt is only the gateway's word that it was paid. */
export class PaymentCheck {
  readonly #deps: PaymentCheckDeps;
  /** Receipts by the transaction and payer they name: a transfer pays once. */
  readonly #claims = new LRUCache<string, ReadonlySet<string>>({ max: MAX_TRANSFERS });

  constructor(deps: PaymentCheckDeps) {
    this.#deps = deps;
  }

  /** The payment of a verified receipt; null when it names none, or does not show it. Throws `ItemRefusal`. */
  async check(receipt: Receipt, signal: AbortSignal): Promise<CheckedPayment | null> {
    const { payment, payment_hash: hash, assurance } = receipt;
    if (!payment) {
      if (assurance === "payer") throw new ItemRefusal(hash === null ? "payment_missing" : "payment_unchecked");
      return null;
    }
    const { lookup } = this.#deps;
    if (lookup === null) {
      if (assurance === "payer") throw new ItemRefusal("payment_unchecked");
      return shown(payment, null);
    }
    if (findToken(payment.network, payment.asset)?.network !== payment.network || /^0+$/.test(payment.amount)) {
      throw new ItemRefusal("payment_differs");
    }
    if ((await lookup.network()) !== payment.network) throw new ItemRefusal("payment_unchecked");
    const found = await lookup.transfers(payment);
    if (found === null) throw new ItemRefusal("payment_missing");
    const payees = this.#deps.payees ?? [await this.#deps.payee(signal)];
    const known = new Set(payees.map((payee) => payee?.toLowerCase()));
    const fitting = found.filter(({ to, value }) => value === BigInt(payment.amount) && known.has(to.toLowerCase()));
    if (fitting.length === 0) throw new ItemRefusal("payment_differs");
    this.#claim(`${payment.transaction}:${payment.payer}`.toLowerCase(), receipt.receipt_hash, fitting.length);
    return shown(payment, true);
  }

  #claim(transfer: string, receiptHash: string, times: number): void {
    const claims = new Set(this.#claims.get(transfer)).add(receiptHash);
    if (claims.size > times) throw new ItemRefusal("payment_reused");
    this.#claims.set(transfer, claims);
  }
}

function shown({ salt: _, ...payment }: NonNullable<Receipt["payment"]>, settled: true | null): CheckedPayment {
  return { ...payment, settled };
}
