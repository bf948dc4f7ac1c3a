import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { quorumHash, type Receipt, verifyReceipt, verifyReceiptChain } from "../../../src/relay/receipt.ts";
import { GatewayKit, get, post, type ReplyBody } from "./gateway-kit.ts";

let kit: GatewayKit;
let gateway: RunningGateway;
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
});
// Into the next round, which takes a ranking again.
beforeEach(() => kit.chain.step(50));
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

describe("a gateway accepts", () => {
  it("a ranking with a quorum once, and answers the same receipt ever after", async () => {
    const [, second, third] = kit.validators;
    if (!second || !third) throw new Error("no validators");
    const submission = await kit.ranking({ cosigners: [second, third] });
    const first = await post(gateway, submission.text, { "idempotency-key": submission.signedHash });
    expect(first).toMatchObject({ status: 201, body: { status: "accepted", signed_hash: submission.signedHash } });
    const receipt = await verifyReceipt(first.body.receipt, gateway.hotkey, submission.signedHash);
    const { signatures } = await get<{ signatures: Parameters<typeof quorumHash>[1] }>(
      gateway,
      `/relay/${submission.signedHash}`,
    );
    expect(receipt).toMatchObject({
      gateway_seq: 1,
      output_hash: submission.outputHash,
      assurance: "quorum",
      qc_hash: quorumHash(submission.signedHash, signatures),
      chain: await kit.chain.identity(),
      accepted_at_block: (await kit.chain.finalized()).number,
      payment: null,
    });
    const again = await post(gateway, submission.text);
    expect(again).toMatchObject({ status: 200, body: { status: "duplicate", receipt } });
  });

  it("v1 rankings as well", async () => {
    const submission = await kit.ranking({ version: "engram-v1", cosigners: kit.validators.slice(1) });
    expect(await post(gateway, submission.text)).toMatchObject({ status: 201 });
  });

  it("concurrent copies once", async () => {
    const submission = await kit.ranking({ cosigners: kit.validators.slice(1) });
    const replies = await Promise.all(Array.from({ length: 8 }, () => post(gateway, submission.text)));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(replies.map(({ body }) => body.receipt?.receipt_hash)).size).toBe(1);
  });

  it("on one chain of receipts across restarts, under one hotkey", async () => {
    const receipts: (Receipt | null | undefined)[] = [];
    const hotkeys = new Set<string>();
    for (const completion of ["one", "two", "three"]) {
      await using its = await kit.start({ config: { folder: `${kit.folder}/restarted` } });
      hotkeys.add(its.hotkey);
      const { text } = await kit.inference({}, completion);
      receipts.push((await post(its, text)).body.receipt);
    }
    const [hotkey] = hotkeys;
    expect(hotkeys.size).toBe(1);
    const chain = await verifyReceiptChain(receipts, hotkey as Receipt["gateway_hotkey"]);
    expect(chain.map(({ gateway_seq }) => gateway_seq)).toEqual([1, 2, 3]);
  });

  it("late co-signatures: 202 until the quorum is there, whoever sends them", async () => {
    const [, second, third] = kit.validators;
    if (!second || !third) throw new Error("no validators");
    const nonce = `${(await kit.chain.finalized()).number}:0:1795000000000`;
    const one = await kit.ranking({ nonce, cosigners: [second] });
    const other = await kit.ranking({ nonce, cosigners: [third] });
    expect(other.signedHash).toBe(one.signedHash);
    const pending = await post(gateway, one.text);
    expect(pending).toMatchObject({
      status: 202,
      body: { status: "pending_quorum", receipt: null, quorum: { have: 2, need: 3 } },
    });
    expect(await get<ReplyBody>(gateway, `/relay/${one.signedHash}`)).toMatchObject({
      status: "pending_quorum",
      quorum: { have: 2, need: 3 },
    });
    expect(await post(gateway, other.text)).toMatchObject({ status: 201, body: { status: "accepted" } });
  });

  it("co-signatures for what it had from the author alone, with a receipt of its own", async () => {
    const author = kit.validator(0);
    const nonce = `${(await kit.chain.finalized()).number}:0:1795000000000:7`;
    const alone = await kit.memory({ author, nonce });
    const agreed = await kit.memory({ author, nonce, cosigners: kit.validators.slice(1) });
    const before = await post(gateway, alone.text);
    const after = await post(gateway, agreed.text);
    expect([before.body.receipt?.assurance, after.body.receipt?.assurance]).toEqual(["author", "quorum"]);
    expect(await post(gateway, alone.text)).toMatchObject({ status: 200, body: { receipt: { assurance: "quorum" } } });
  });

  it("an inference as its author's, whoever else signed it", async () => {
    const made = await kit.inference({ author: kit.validator(0), uid: 0, cosigners: kit.validators.slice(1) });
    const { receipt } = (await post(gateway, made.text)).body;
    expect(receipt).toMatchObject({ assurance: "author", qc_hash: null });
  });

  it("and counts validators alone, whoever else signed", async () => {
    const { text, signedHash } = await kit.ranking({ cosigners: [kit.stranger, ...kit.validators.slice(1)] });
    expect((await post(gateway, text)).status).toBe(201);
    const state = await get<ReplyBody & { readonly signatures: readonly { readonly validator_hotkey: string }[] }>(
      gateway,
      `/relay/${signedHash}`,
    );
    expect(state.quorum).toEqual({ have: 4, need: 3, stake_ppm: 1_000_000 });
    expect(state.signatures.map(({ validator_hotkey }) => validator_hotkey).sort()).toEqual(
      kit.validators.map(({ hotkey }) => `${hotkey}`).sort(),
    );
  });
});
