import { randomBytes } from "node:crypto";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { requirementsV2 } from "../../../src/relay/gateway/payment-terms.ts";
import { payloadBody, signPayload } from "../../../src/relay/payload/sign-payload.ts";
import { authorizationTypedData } from "../../../src/relay/payment/authorization.ts";
import { BASE_SEPOLIA_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { encodeHeader } from "../../../src/relay/payment/payment-wire.ts";
import type { GatewayKit } from "../gateway/gateway-kit.ts";
import { answered } from "./outputs.ts";

export interface RawSubmission {
  readonly signedHash: string;
  readonly text: string;
  /** The header that pays; null at the free gateway. */
  readonly payment: string | null;
}

/** `count` submissions of one author at one final block. */
export async function makeSubmissions(kit: GatewayKit, count: number, label: string): Promise<RawSubmission[]> {
  const { number: block, hash: blockHash } = await kit.chain.finalized();
  const frame = { schemaVersion: "engram-v2", netuid: 450, block, blockHash, roundTs: 1_795_000_000.5 } as const;
  return Array.from({ length: count }, (_, index) => {
    const nonce = `${block}:-:1795000000000:${index}`;
    const body = payloadBody({ ...frame, nonce, output: answered(`${label} ${index}`) });
    return { ...signPayload(body, label === "free" ? kit.validator(1) : kit.stranger), payment: null };
  });
}

/** Pays as stock clients do, without naming the submission. */
export class RawPayer {
  readonly #account = privateKeyToAccount(generatePrivateKey());

  get address(): Hex {
    return this.#account.address;
  }

  async header(payTo: Hex, price: number): Promise<string> {
    const token = BASE_SEPOLIA_USDC;
    const authorization = {
      from: this.address,
      to: payTo,
      value: price,
      validAfter: 0,
      validBefore: Math.floor(Date.now() / 1_000) + 3_000,
      nonce: `0x${randomBytes(32).toString("hex")}` as Hex,
    };
    const signature = await this.#account.signTypedData(authorizationTypedData(token, authorization));
    const { from, to, nonce, ...numbers } = authorization;
    const texts = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, `${value}`]));
    const accepted = requirementsV2({ origin: "", token, payTo, price, v1: true });
    const payload = { signature, authorization: { from, to, nonce, ...texts } };
    return encodeHeader({ x402Version: 2, accepted, payload });
  }
}
