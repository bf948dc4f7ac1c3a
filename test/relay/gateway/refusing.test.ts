import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { FixedChain } from "../../support/fixed-chain.ts";
import { forgeCosignature, GatewayKit, get, post, type ReplyBody } from "./gateway-kit.ts";

let kit: GatewayKit;
let gateway: RunningGateway;
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

async function refused(body: string, headers: Readonly<Record<string, string>> = {}) {
  const { status, body: reply } = await post(gateway, body, headers);
  return [status, reply.error, reply.retryable] as const;
}

describe("a gateway refuses, and says why", () => {
  it("what is no payload", async () => {
    expect(await refused("{}")).toEqual([400, "malformed", false]);
    expect(await refused("[".repeat(100) + "]".repeat(100))).toEqual([400, "malformed", false]);
    expect(await refused("no json")).toEqual([400, "malformed", false]);
    const { text } = await kit.inference();
    expect(await refused(text.replace('"inference"', '"gossip"'))).toEqual([400, "malformed", false]);
    expect(await refused(text, { "idempotency-key": "00".repeat(32) })).toEqual([400, "malformed", false]);
  });

  it("a second spelling of a body", async () => {
    const { text } = await kit.inference();
    expect(await refused(` ${text}`)).toEqual([400, "non_canonical", false]);
  });

  it("what is too large, also when its length is not stated", async () => {
    expect(await refused("x".repeat(2 * 1024 * 1024 + 1))).toEqual([413, "too_large", false]);
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(256 * 1024)),
    });
    const request = { method: "POST", body, duplex: "half" } as RequestInit;
    const reply = await fetch(`${gateway.url}/relay`, request).then(
      ({ status }) => status,
      () => "closed",
    );
    expect([413, "closed"]).toContain(reply);
  });

  it("a changed body, a foreign signature, a plain ranking, a plain output that is free", async () => {
    const { text } = await kit.inference();
    expect(await refused(text.replace('"round_ts":1795000000.5', '"round_ts":1795000001.5'))).toEqual([
      401,
      "bad_signature",
      false,
    ]);
    const ranking = await kit.ranking({ cosigners: kit.validators.slice(1) });
    expect(await refused(forgeCosignature(ranking.text))).toEqual([401, "bad_signature", false]);
    expect(await refused(await kit.plain())).toEqual([401, "bad_signature", false]);
  });

  it("an author without a permit, and a nonce with another's uid", async () => {
    const cosigners = kit.validators.slice(1);
    expect(await refused((await kit.ranking({ author: kit.stranger, cosigners })).text)).toEqual([
      403,
      "not_a_validator",
      false,
    ]);
    expect(await refused((await kit.ranking({ uid: 1, cosigners })).text)).toEqual([403, "not_a_validator", false]);
  });

  it("an output that is not what its hash says", async () => {
    const { text } = await kit.ranking({ cosigners: kit.validators.slice(1), outputHash: "ab".repeat(32) });
    expect(await refused(text)).toEqual([422, "output_hash_mismatch", false]);
  });

  it("another subnet", async () => {
    expect(await refused((await kit.inference({ netuid: 1 })).text)).toEqual([422, "chain_mismatch", false]);
  });

  it("a block that is not final, and one that another has replaced", async () => {
    const { number } = await kit.chain.head();
    expect(await refused((await kit.inference({ block: number })).text)).toEqual([425, "not_final", true]);
    const made = await kit.ranking({ block: number, cosigners: kit.validators.slice(1), recall: 0.5 });
    expect(await refused(made.text)).toEqual([425, "not_final", true]);
    await kit.chain.reorg({ depth: 3, seed: 7, include: "all" });
    expect(await refused(made.text)).toEqual([425, "not_final", true]);
    await kit.chain.step(5);
    expect(await refused(made.text)).toEqual([422, "chain_mismatch", false]);
    const anew = await kit.inference({ block: number });
    expect((await post(gateway, anew.text)).status).toBe(201);
  });

  it("a nonce that was used for something else, and a second ranking of a round", async () => {
    const cosigners = kit.validators.slice(1);
    const nonce = `${(await kit.chain.finalized()).number}:-:1795000000000:1`;
    expect((await post(gateway, (await kit.inference({ nonce }, "first")).text)).status).toBe(201);
    expect(await refused((await kit.inference({ nonce }, "second")).text)).toEqual([409, "nonce_conflict", false]);
    const first = await kit.ranking({ cosigners, recall: 0.7 });
    const second = await kit.ranking({ cosigners, recall: 0.8 });
    expect((await post(gateway, first.text)).status).toBe(201);
    expect(await refused(second.text)).toEqual([409, "round_conflict", false]);
  });

  it("more pending submissions of one validator than it may have", async () => {
    await kit.chain.step(60);
    const replies: number[] = [];
    for (let count = 0; count < 17; count += 1) {
      const { text } = await kit.ranking({ author: kit.validator(3), uid: 3 });
      replies.push((await post(gateway, text)).status);
    }
    expect(replies).toEqual([...Array.from({ length: 16 }, () => 202), 429]);
    const other = await kit.ranking({ author: kit.validator(2), uid: 2 });
    expect((await post(gateway, other.text)).status).toBe(202);
  });

  it("two hotkeys of one owner as two votes", async () => {
    await using own = await GatewayKit.open();
    const twin = own.stranger;
    const { neurons } = await own.chain.metagraph();
    const coldkey = neurons.find(({ hotkey }) => hotkey === own.validator(0).hotkey)?.coldkey;
    if (!coldkey) throw new Error("no coldkey");
    await own.chain.register(twin.hotkey, coldkey);
    await own.chain.stake(twin.hotkey, 1_000);
    await own.chain.step(5);
    await using its = await own.start();
    const { text } = await own.ranking({ cosigners: [twin, own.validator(1)] });
    expect(await post(its, text)).toMatchObject({ status: 202, body: { quorum: { have: 2, need: 3 } } });
  });

  it("an address that asks too often", async () => {
    await using slow = await kit.start({
      config: { folder: `${kit.folder}/slow`, rateLimit: { burst: 2, perSecond: 0.001 } },
    });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await fetch(`${slow.url}/v1/gateway`)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it("anything while the chain does not answer, for the time being", async () => {
    const chain = new FixedChain();
    await using deaf = await kit.start({ chain, config: { folder: `${kit.folder}/deaf` } });
    chain.head = () => Promise.reject(new Error("no answer"));
    const { text } = await kit.inference({}, "later");
    expect(await post(deaf, text)).toMatchObject({ status: 503, body: { error: "unavailable", retryable: true } });
    expect((await fetch(`${deaf.url}/health`)).status).toBe(503);
  });

  it("hashes it does not know, and routes it does not have", async () => {
    expect(await get<ReplyBody>(gateway, `/relay/${"00".repeat(32)}`)).toMatchObject({ error: "unknown_submission" });
    expect((await fetch(`${gateway.url}/nothing`)).status).toBe(404);
  });
});

it("a gateway on a simulated chain listens on this machine alone, and must be told its chain", async () => {
  await expect(kit.start({ config: { hostname: "0.0.0.0" } })).rejects.toMatchObject({ code: "CHAIN_LOCAL_REFUSED" });
  expect(() => kit.config({ ENGRAM_CHAIN: undefined as unknown as string })).toThrow(/chain/);
  expect(() => kit.config({ ENGRAM_GATEWAY_PRICE_USD: "0.001" })).toThrow(/paid/);
});
