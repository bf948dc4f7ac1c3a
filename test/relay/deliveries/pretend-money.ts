import { randomBytes } from "node:crypto";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import { isSignedByPayer } from "../../../src/relay/payment/authorization.ts";
import { BASE_SEPOLIA_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Authorization, AuthorizationKey, Hex, PaymentChain } from "../../../src/relay/payment/payment-types.ts";

interface Spent {
  readonly to: string;
  readonly value: number;
  readonly transaction: Hex;
}

/** As much of a payment as is read of it. */
interface SentPayment {
  readonly payload: { readonly signature: Hex; readonly authorization: Readonly<Record<string, string>> };
}

const TOKEN = BASE_SEPOLIA_USDC;

/**
 * A payment chain and its facilitator in memory, a thousand times faster than an EVM: balances, authorizations that are
 * spent once, signatures that must hold. `test/relay/payment/money-suite.ts` holds for it as for the real one.
 */
export class PretendMoney implements PaymentChain, PaymentFacilitator {
  readonly token = TOKEN;
  readonly #balances = new Map<string, number>();
  readonly #spent = new Map<string, Spent>();
  /** Transfers that moved money. */
  transfers = 0;

  fund(address: Hex, amount: number): void {
    this.#balances.set(address.toLowerCase(), this.balance(address) + amount);
  }

  balance(address: Hex): number {
    return this.#balances.get(address.toLowerCase()) ?? 0;
  }

  async authorization(key: AuthorizationKey) {
    return { used: this.#spent.has(nameOf(key)), chainTime: Math.floor(Date.now() / 1_000) };
  }

  async outcome(key: AuthorizationKey, { payTo, atLeast }: { readonly payTo: Hex; readonly atLeast: number }) {
    const spent = this.#spent.get(nameOf(key));
    if (!spent) return { kind: "unseen" } as const;
    if (spent.to !== payTo.toLowerCase() || spent.value < atLeast) return { kind: "lost" } as const;
    return { kind: "paid", transaction: spent.transaction } as const;
  }

  readonly getSupported: PaymentFacilitator["getSupported"] = async () => ({
    kinds: [{ x402Version: 2, scheme: "exact", network: TOKEN.network }],
  });

  readonly settle: PaymentFacilitator["settle"] = async (payload) => {
    const { signature, authorization } = (payload as SentPayment).payload;
    const taken = readAuthorization(authorization);
    const refused = (errorReason: string) =>
      ({ success: false, transaction: "", network: TOKEN.network, errorReason }) as const;
    if (!(await isSignedByPayer(TOKEN, taken, signature))) return refused("invalid_exact_evm_payload_signature");
    const name = nameOf(taken);
    if (this.#spent.has(name)) return refused("nonce_already_used");
    if (taken.validBefore <= Date.now() / 1_000) return refused("invalid_exact_evm_payload_authorization_valid_before");
    if (this.balance(taken.from) < taken.value) return refused("insufficient_funds");
    const transaction: Hex = `0x${randomBytes(32).toString("hex")}`;
    this.#spent.set(name, { to: taken.to.toLowerCase(), value: taken.value, transaction });
    this.fund(taken.from, -taken.value);
    this.fund(taken.to, taken.value);
    this.transfers += 1;
    return { success: true, transaction, network: TOKEN.network, payer: taken.from };
  };
}

function nameOf({ from, nonce }: Pick<AuthorizationKey, "from" | "nonce">): string {
  return `${from}:${nonce}`.toLowerCase();
}

function readAuthorization(texts: Readonly<Record<string, string>>): Authorization {
  const { from = "", to = "", nonce = "", value, validAfter, validBefore } = texts;
  return {
    from: from as Hex,
    to: to as Hex,
    nonce: nonce as Hex,
    value: Number(value),
    validAfter: Number(validAfter),
    validBefore: Number(validBefore),
  };
}
