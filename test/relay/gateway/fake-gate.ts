import type { SubmissionGate } from "../../../src/relay/gateway/payment-port.ts";
import type { OfferedPayment, SettleOutcome } from "../../../src/relay/gateway/payment-types.ts";
import type { Hex, PaidSubmission } from "../../../src/relay/payment/payment-types.ts";

const NETWORK = "eip155:84532";
const ASSET: Hex = `0x${"22".repeat(20)}`;
const PAYER: Hex = `0x${"11".repeat(20)}`;
const PAY_TO: Hex = `0x${"33".repeat(20)}`;

/** A gate without money: header `x-paid` pays, and what settling answers can be chosen. */
export class FakeGate implements SubmissionGate {
  readonly price = 1_000;
  settled = 0;
  next: "settled" | "refused" | "unknown" = "settled";

  challenge({ resource }: PaidSubmission) {
    return { kind: "challenge", status: 402, headers: { "payment-required": "x" }, body: { resource } } as const;
  }

  async require(submission: PaidSubmission, headers: { get(name: string): string | null }) {
    const paid = headers.get("x-paid");
    if (paid === null) return this.challenge(submission);
    return { kind: "offered", payment: offerOf(submission, paid) } as const;
  }

  async settle(payment: OfferedPayment): Promise<SettleOutcome> {
    if (this.next === "refused") return this.challenge(payment);
    if (this.next === "unknown") {
      return { kind: "unknown", status: 503, retryAfterSeconds: 5, headers: { "retry-after": "5" }, body: {} };
    }
    this.settled += 1;
    const { key, signedHash, bound, authorization } = payment;
    const transaction = key.nonce;
    return {
      kind: "settled",
      settled: { payer: PAYER, amount: "1000", asset: ASSET, network: NETWORK, transaction, bound },
      record: {
        key,
        signedHash,
        bound,
        payTo: PAY_TO,
        amount: 1_000,
        validBefore: authorization.validBefore,
        transaction,
        now: Date.now(),
      },
      headers: { "payment-response": "paid" },
    };
  }

  async reconcile(): Promise<void> {}
}

function offerOf({ signedHash, resource }: PaidSubmission, paid: string): OfferedPayment {
  const nonce: Hex = `0x${paid.padStart(64, "0")}`;
  const validBefore = Math.floor(Date.now() / 1_000) + 300;
  return {
    version: 2,
    payload: {},
    authorization: { from: PAYER, to: PAY_TO, value: 1_000, validAfter: 0, validBefore, nonce },
    key: { network: NETWORK, asset: ASSET, from: PAYER, nonce },
    signedHash,
    resource,
    bound: true,
  };
}
