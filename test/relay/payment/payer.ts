import { randomBytes } from "node:crypto";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { authorizationTypedData } from "../../../src/relay/payment/authorization.ts";
import type { PaymentToken } from "../../../src/relay/payment/payment-tokens.ts";
import type { Authorization, Hex } from "../../../src/relay/payment/payment-types.ts";
import { encodeHeader } from "../../../src/relay/payment/payment-wire.ts";
import type { Shop } from "./shop.ts";

export interface Forgery {
  readonly authorization?: Partial<Authorization>;
  /** What the signature is for, where that is not what is sent. */
  readonly signed?: Partial<Authorization>;
  readonly token?: PaymentToken;
  readonly accepted?: Record<string, unknown>;
  readonly signature?: (signature: Hex) => Hex;
}

/** A payer who signs by hand, as a stock client does, and can sign whatever is wrong. */
export class Payer {
  readonly #account = privateKeyToAccount(generatePrivateKey());
  readonly token: PaymentToken;

  constructor(token: PaymentToken) {
    this.token = token;
  }

  get address(): Hex {
    return this.#account.address;
  }

  /** The header of version 2 that pays what `shop` asks for, or something else. */
  async headers(shop: Shop, forgery: Forgery = {}): Promise<Readonly<Record<string, string>>> {
    const challenge = shop.gate.challenge({ signedHash: "00".repeat(32), resource: "http://gateway.test/relay" });
    const required = JSON.parse(atob(challenge.headers["payment-required"] ?? "")) as {
      readonly accepts: readonly { readonly payTo: Hex; readonly amount: string }[];
    };
    const [asked] = required.accepts;
    if (!asked) throw new Error("the shop asks for nothing");
    const authorization = {
      from: this.address,
      to: asked.payTo,
      value: Number(asked.amount),
      validAfter: 0,
      validBefore: Math.floor(Date.now() / 1_000) + 300,
      nonce: `0x${randomBytes(32).toString("hex")}` as Hex,
      ...forgery.authorization,
    };
    const typed = authorizationTypedData(forgery.token ?? this.token, { ...authorization, ...forgery.signed });
    const signature = await this.#account.signTypedData(typed);
    const { from, to, nonce, ...numbers } = authorization;
    const texts = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, `${value}`]));
    const payload = {
      signature: forgery.signature?.(signature) ?? signature,
      authorization: { from, to, nonce, ...texts },
    };
    return {
      "payment-signature": encodeHeader({ x402Version: 2, accepted: { ...asked, ...forgery.accepted }, payload }),
    };
  }

  /** The signature that makes an authorization worthless. */
  cancel(nonce: Hex): Promise<Hex> {
    return cancellation(this.#account, this.token, nonce);
  }
}

/** The same of any account. */
export function cancellation(account: PrivateKeyAccount, token: PaymentToken, nonce: Hex): Promise<Hex> {
  return account.signTypedData({
    domain: { ...token.domain, chainId: 84_532, verifyingContract: token.asset },
    types: {
      CancelAuthorization: [
        { name: "authorizer", type: "address" },
        { name: "nonce", type: "bytes32" },
      ],
    },
    primaryType: "CancelAuthorization",
    message: { authorizer: account.address, nonce },
  });
}
