import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import type { Cosignature } from "../../../src/relay/payload/types.ts";
import { quorumHash, verifyReceipt } from "../../../src/relay/receipt.ts";
import { openReader, sendTo } from "../intelligence/reader-kit.ts";
import { FakeGate } from "./fake-gate.ts";
import { GatewayKit, get, post, type ReplyBody, type Signer } from "./gateway-kit.ts";

let kit: GatewayKit;
let gateway: RunningGateway;
let [, second, third, fourth]: readonly Signer[] = [];
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
  [, second, third, fourth] = kit.validators;
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

type Kind = "ranking" | "memory";

/** A submission of validator 0, the `number`th: as its author sends it with `cosigners`, and each one's signature alone. */
async function made(kind: Kind, number: number, cosigners: readonly (Signer | undefined)[]) {
  const block = (await kit.chain.finalized()).number;
  const nonce = `${block}:0:${1_795_000_000_000 + number}${kind === "memory" ? ":7" : ""}`;
  const options = { author: kit.validator(0), nonce, block };
  const { text, signedHash } = await kit[kind]({ ...options, cosigners: cosigners.flatMap((one) => one ?? []) });
  const by = async (signer: Signer | undefined): Promise<Cosignature> => {
    const signed = await kit[kind]({ ...options, cosigners: signer ? [signer] : [] });
    return (JSON.parse(signed.text) as { cosignatures: [Cosignature] }).cosignatures[0];
  };
  return { text, signedHash, by };
}

async function cosign(hash: string, body: object | string, at = gateway) {
  const init = { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await fetch(`${at.url}/relay/${hash}/cosign`, init);
  return { status: response.status, body: (await response.json()) as ReplyBody };
}

describe("POST /relay/{signed_hash}/cosign", () => {
  it("raises what was accepted, on the same receipt, however often it comes", async () => {
    const { text, signedHash, by } = await made("ranking", 3, [second, third]);
    const { receipt } = (await post(gateway, text)).body;
    const late = { ...(await by(fourth)), signed_hash: signedHash };
    for (let time = 0; time < 2; time += 1) {
      const quorum = { have: 4, need: 3 };
      expect(await cosign(signedHash.toUpperCase(), late)).toMatchObject({
        status: 200,
        body: { status: "accepted", receipt: { receipt_hash: receipt?.receipt_hash }, quorum },
      });
    }
    const state = await get<{ late_signatures: object[] }>(gateway, `/relay/${signedHash}`);
    expect(state.late_signatures).toMatchObject([{ validator_hotkey: fourth?.hotkey }]);
  });

  it("refuses what proves nothing, and leaves the count as it was", async () => {
    const { text, signedHash, by } = await made("memory", 4, [second, third]);
    await post(gateway, text);
    const [good, own, strange] = [await by(fourth), await by(kit.validator(0)), await by(kit.stranger)];
    const forged = { ...good, signature: `0x00${good.signature.slice(4)}` };
    const other = await made("memory", 5, []);
    for (const [body, status, error, hash = signedHash] of [
      [forged, 401, "bad_signature"],
      [await other.by(fourth), 401, "bad_signature"],
      [own, 401, "bad_signature"],
      [strange, 403, "not_a_validator"],
      [good, 404, "unknown_submission", "ab".repeat(32)],
      [good, 404, "unknown_submission", "nothing"],
      [{ ...good, signed_hash: other.signedHash }, 400, "malformed"],
      ["{}", 400, "malformed"],
      ["[", 400, "malformed"],
      [`"${"x".repeat(5_000)}"`, 413, "too_large"],
    ] as const) {
      expect(await cosign(hash, body)).toMatchObject({ status, body: { error } });
    }
    const { quorum } = await get<ReplyBody>(gateway, `/relay/${signedHash}`);
    expect(quorum).toMatchObject({ have: 3 });
  });

  it("completes what waits for its quorum, one by one, and the receipt covers them all", async () => {
    const { text, signedHash, by } = await made("memory", 6, [second]);
    expect(await post(gateway, text)).toMatchObject({ status: 202, body: { quorum: { have: 2, need: 3 } } });
    const own = await by(second);
    expect(await cosign(signedHash, own)).toMatchObject({ status: 202, body: { status: "pending_quorum" } });
    const last = await by(third);
    const { status, body } = await cosign(signedHash, last);
    expect([status, body.status]).toEqual([201, "accepted"]);
    const receipt = await verifyReceipt(body.receipt, gateway.hotkey, signedHash);
    const { signature } = JSON.parse(text) as { signature: string };
    const { cosignatures } = JSON.parse(text) as { cosignatures: Cosignature[] };
    const author = { validator_hotkey: kit.validator(0).hotkey, signature };
    expect(receipt.qc_hash).toBe(quorumHash(signedHash, [author, ...cosignatures, last]));
    expect(await post(gateway, text)).toMatchObject({ status: 200, body: { status: "duplicate", receipt } });
  });

  it("makes a memory that its author published alone the validators' word, for readers too", async () => {
    const { text, signedHash, by } = await made("memory", 7, []);
    expect((await post(gateway, text)).body.receipt?.assurance).toBe("author");
    expect(await cosign(signedHash, await by(second))).toMatchObject({ status: 202, body: { quorum: { have: 2 } } });
    const { body } = await cosign(signedHash, await by(third));
    expect(body).toMatchObject({ status: "accepted", receipt: { assurance: "quorum" } });
    const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: sendTo(() => gateway.url) });
    const { items, refused } = await reader.read({ types: ["memory"] }, new AbortController().signal);
    expect(refused).toEqual([]);
    expect(items.map(({ id }) => id)).toContain(signedHash);
  });

  it("charges nobody: what has its quorum waits for its author's payment", async () => {
    const gate = new FakeGate();
    const folder = `${kit.folder}/priced`;
    await using priced = await kit.start({ openGate: async () => gate, config: { folder } });
    const { text, signedHash, by } = await made("memory", 8, [second]);
    expect((await post(priced, text)).status).toBe(202);
    const last = await by(third);
    const due = { status: 202, body: { status: "payment_due", receipt: null, quorum: { have: 3 } } };
    expect(await cosign(signedHash, last, priced)).toMatchObject(due);
    expect(await cosign(signedHash, last, priced)).toMatchObject(due);
    expect(gate.settled).toBe(0);
    const paid = await post(priced, text, { "x-paid": "31" });
    expect(paid).toMatchObject({ status: 201, body: { receipt: { payment: { amount: "1000" } } } });
    const shown = await cosign(signedHash, await by(fourth), priced);
    expect(shown).toMatchObject({ status: 200, body: { quorum: { have: 4 } } });
    expect(shown.body.receipt).not.toHaveProperty("payment");
  });
});
