import { describe, expect, it } from "vitest";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import {
  followsReceipt,
  NO_RECEIPT_HASH,
  quorumHash,
  type ReceiptBody,
  type ReceiptSigner,
  signReceipt,
  verifyReceipt,
  verifyReceiptChain,
  withoutPayment,
} from "../../src/relay/receipt.ts";

async function signerOf(byte: number): Promise<ReceiptSigner> {
  const sr25519 = await loadSr25519();
  const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(byte));
  return { hotkey: hotkeyOf(pair.publicKey), sign: (message) => sr25519.sign(pair, message) };
}

function body(seq: number, previous: string): ReceiptBody {
  return {
    gateway_seq: seq,
    prev_receipt_hash: previous,
    signed_hash: "ab".repeat(32),
    output_hash: "cd".repeat(32),
    output_type: "ranking",
    assurance: "quorum",
    qc_hash: "ef".repeat(32),
    accepted_at_block: 120,
    accepted_at_ms: 1_795_000_000_000,
    chain: "local:test",
    payment: {
      payer: `0x${"11".repeat(20)}`,
      amount: "1000",
      asset: `0x${"22".repeat(20)}`,
      network: "eip155:84532",
      transaction: `0x${"33".repeat(32)}`,
      bound: true,
      salt: "44".repeat(32),
    },
  };
}

describe("a gateway's receipts", () => {
  it("hold after a round trip over the wire, for the pinned hotkey and the right submission alone", async () => {
    const [gateway, other] = await Promise.all([signerOf(1), signerOf(2)]);
    const receipt = signReceipt(body(1, NO_RECEIPT_HASH), gateway);
    const wire: unknown = JSON.parse(JSON.stringify(receipt));
    await expect(verifyReceipt(wire, gateway.hotkey, "ab".repeat(32))).resolves.toEqual(receipt);
    await expect(verifyReceipt(wire, other.hotkey)).rejects.toMatchObject({ code: "RECEIPT_INVALID" });
    await expect(verifyReceipt(wire, gateway.hotkey, "00".repeat(32))).rejects.toThrow(/another submission/);
    await expect(verifyReceipt("no receipt", gateway.hotkey)).rejects.toThrow(/form/);
  });

  it("do not hold when a field was changed, nor when the hash was adapted to it", async () => {
    const gateway = await signerOf(1);
    const receipt = signReceipt(body(1, NO_RECEIPT_HASH), gateway);
    await expect(verifyReceipt({ ...receipt, assurance: "author" }, gateway.hotkey)).rejects.toThrow(/content/);
    const { receipt_hash } = signReceipt({ ...body(1, NO_RECEIPT_HASH), assurance: "author" }, gateway);
    const forged = { ...receipt, assurance: "author", receipt_hash };
    await expect(verifyReceipt(forged, gateway.hotkey)).rejects.toThrow(/signature/);
  });

  it("prove the same without showing who paid, and no other payment", async () => {
    const gateway = await signerOf(1);
    const receipt = signReceipt(body(1, NO_RECEIPT_HASH), gateway);
    const hidden = withoutPayment(receipt);
    expect(JSON.stringify(hidden)).not.toMatch(/(11){20}|(33){32}|(44){32}/);
    await expect(verifyReceipt(hidden, gateway.hotkey)).resolves.toEqual(hidden);
    const { payment } = receipt;
    const others = [null, { ...payment, bound: false }, { ...payment, payer: `0x${"12".repeat(20)}` }];
    for (const other of others) {
      await expect(verifyReceipt({ ...receipt, payment: other }, gateway.hotkey)).rejects.toThrow(/payment/);
    }
  });

  it("form a chain, and a missing or replaced link shows", async () => {
    const gateway = await signerOf(1);
    const first = signReceipt(body(1, NO_RECEIPT_HASH), gateway);
    const second = signReceipt(body(2, first.receipt_hash), gateway);
    const third = signReceipt(body(3, second.receipt_hash), gateway);
    expect(followsReceipt(null, first)).toBe(true);
    expect(followsReceipt(null, second)).toBe(false);
    await expect(verifyReceiptChain([first, second, third], gateway.hotkey)).resolves.toHaveLength(3);
    await expect(verifyReceiptChain([first, third], gateway.hotkey)).rejects.toThrow(/follow/);
    const other = signReceipt({ ...body(2, first.receipt_hash), accepted_at_block: 121 }, gateway);
    await expect(verifyReceiptChain([first, other, third], gateway.hotkey)).rejects.toThrow(/follow/);
  });

  it("name a quorum by its signatures, in any order", () => {
    const one = { validator_hotkey: "5A", signature: "0xAB" };
    const two = { validator_hotkey: "5B", signature: "0xcd" };
    expect(quorumHash("h", [one, two])).toBe(quorumHash("h", [two, { ...one, signature: "0xab" }]));
    expect(quorumHash("h", [one, two])).not.toBe(quorumHash("h", [one]));
  });
});
