import { describe, expect, test } from "vitest";
import { EngramError } from "../../../src/crypto/errors.ts";
import { freezeRanking, roundScores } from "../../../src/relay/payload/freeze-output.ts";
import { payloadBody, signPayload } from "../../../src/relay/payload/sign-payload.ts";
import type { PaymentHeaders, SubmissionPayer } from "../../../src/relay/payment/buyer-types.ts";
import { type Submitter, submit } from "../../../src/relay/submit.ts";
import { newSigner, ScriptedGateway, says, scoresOf, submitterTo } from "../relay-kit.ts";

const body = payloadBody({
  schemaVersion: "engram-v2",
  netuid: 450,
  block: 100,
  blockHash: `0x${"ab".repeat(32)}`,
  roundTs: 1_790_000_000.5,
  nonce: "100:1:1790000000500",
  output: freezeRanking(roundScores(scoresOf(1, 0.5))),
});
const { signedHash, text } = signPayload(body, newSigner());

function submitting(gateway: ScriptedGateway, payer?: SubmissionPayer) {
  const submitter: Submitter = { ...submitterTo(gateway.address, gateway.http), ...(payer ? { payer } : {}) };
  return submit(submitter, { signedHash, text, acceptNewTerms: false, signal: new AbortController().signal });
}

/** Pays whatever is asked; what it was asked for stays to be looked at. */
class OpenHand {
  readonly calls: string[] = [];
  kept: PaymentHeaders | undefined;
  failure: Error | undefined;

  async stored() {
    return this.kept;
  }

  async pay() {
    this.calls.push("pay");
    if (this.failure) throw this.failure;
    this.kept = { "PAYMENT-SIGNATURE": "paid" };
    return this.kept;
  }

  async settled() {
    this.calls.push("settled");
  }
}

describe("a submission", () => {
  test("is delivered when the pinned gateway's receipt holds, sent byte for byte with its key", async () => {
    const gateway = new ScriptedGateway();
    expect(await submitting(gateway)).toMatchObject({ kind: "delivered", http: 200 });
    expect(gateway.posted).toHaveLength(1);
    expect(gateway.posted[0]).toMatchObject({ url: "http://gateway.test/relay", text });
    expect(gateway.posted[0]?.headers.get("idempotency-key")).toBe(signedHash);
  });

  test("is not delivered by a 200 without a receipt, or with one of another key or submission (V-W34)", async () => {
    const [stranger, other] = [new ScriptedGateway(), signPayload(body, newSigner())];
    for (const answer of [
      () => new Response("<html>login</html>"),
      () => Response.json({ status: "accepted", signed_hash: signedHash, receipt: null }),
      () => Response.json({ status: "accepted", receipt: stranger.receipt(text) }),
    ]) {
      const gateway = new ScriptedGateway();
      gateway.answers = [answer];
      expect(await submitting(gateway)).toMatchObject({ kind: "retry", code: "receipt_invalid" });
    }
    const gateway = new ScriptedGateway();
    const replaced = other.text.replace('"nonce":"100:1', '"nonce":"100:1');
    gateway.answers = [() => Response.json({ receipt: { ...gateway.receipt(replaced), signed_hash: "0".repeat(64) } })];
    expect(await submitting(gateway)).toMatchObject({ kind: "retry", code: "receipt_invalid" });
  });

  test.each([
    [302, "", { kind: "rejected", code: "redirected" }],
    [400, "malformed", { kind: "rejected", code: "malformed" }],
    [401, "bad_signature", { kind: "rejected", code: "bad_signature" }],
    [402, "", { kind: "rejected", code: "payment_not_configured" }],
    [403, "not_a_validator", { kind: "rejected", code: "not_a_validator" }],
    [404, "", { kind: "rejected", code: "http_404" }],
    [409, "nonce_conflict", { kind: "rejected", code: "nonce_conflict" }],
    [413, "too_large", { kind: "rejected", code: "too_large" }],
    [422, "chain_mismatch", { kind: "rejected", code: "chain_mismatch" }],
    [408, "", { kind: "retry", code: "http_408" }],
    [425, "not_final", { kind: "retry", code: "not_final" }],
    [429, "", { kind: "retry", retryAfterMs: 300_000 }],
    [503, "Ignore previous instructions", { kind: "retry", code: "http_503" }],
    [202, "", { kind: "pending", http: 202 }],
  ] as const)("answered %i %s", async (status, error, expected) => {
    const gateway = new ScriptedGateway();
    gateway.answers = [says(status, error, { location: "http://gateway.test/login", "retry-after": "9999" })];
    expect(await submitting(gateway)).toMatchObject(expected);
    expect(gateway.posted).toHaveLength(1);
  });

  test("is tried again when nobody answers", async () => {
    const gateway = new ScriptedGateway();
    gateway.answers = [() => Promise.reject(new TypeError("refused"))];
    expect(await submitting(gateway)).toMatchObject({ kind: "retry", code: "HTTP_UNREACHABLE", http: null });
  });
});

describe("asked to pay", () => {
  test("pays once and sends the same bytes again", async () => {
    const [gateway, hand] = [new ScriptedGateway(), new OpenHand()];
    gateway.answers = [says(402, ""), (posted) => gateway.accept(posted)];
    expect(await submitting(gateway, hand as unknown as SubmissionPayer)).toMatchObject({ kind: "delivered" });
    expect(gateway.posted.map((posted) => posted.headers.get("payment-signature"))).toEqual([null, "paid"]);
    expect(new Set(gateway.posted.map((posted) => posted.text)).size).toBe(1);
  });

  test("sends a payment that was signed before with the first attempt, and signs none anew", async () => {
    const [gateway, hand] = [new ScriptedGateway(), new OpenHand()];
    hand.kept = { "PAYMENT-SIGNATURE": "paid before" };
    await submitting(gateway, hand as unknown as SubmissionPayer);
    expect(gateway.posted.map((posted) => posted.headers.get("payment-signature"))).toEqual(["paid before"]);
    expect(hand.calls).toEqual([]);
  });

  test.each([
    ["PAYMENT_TOO_DEAR", { kind: "rejected", code: "PAYMENT_TOO_DEAR" }],
    ["PAYMENT_CHANGED", { kind: "rejected", code: "PAYMENT_CHANGED" }],
    ["PAYMENT_BUDGET", { kind: "postponed", retryAfterMs: 3_600_000 }],
    ["STORE_FAILED", { kind: "retry", code: "STORE_FAILED" }],
  ] as const)("%s decides what follows", async (code, expected) => {
    const [gateway, hand] = [new ScriptedGateway(), new OpenHand()];
    hand.failure = new EngramError(code, "no", { retryAfterMs: 3_600_000 });
    gateway.answers = [says(402, "")];
    expect(await submitting(gateway, hand as unknown as SubmissionPayer)).toMatchObject(expected);
    expect(gateway.posted).toHaveLength(1);
  });
});
