import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EngramError } from "../../../src/crypto/errors.ts";
import type { ChainClient } from "../../../src/node/ports.ts";
import { anchorBytes } from "../../../src/relay/anchor.ts";
import { ChainCheck } from "../../../src/relay/gateway/chain-check.ts";
import type { ConflictEvidence } from "../../../src/relay/gateway/conflict-operations.ts";
import { openGatewayStore } from "../../../src/relay/gateway/gateway-store.ts";
import { epochOf, PermittedSets } from "../../../src/relay/gateway/permitted-sets.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { roundIdOf } from "../../../src/relay/payload/nonce.ts";
import { openReader, sendTo } from "../intelligence/reader-kit.ts";
import { silent } from "../relay-kit.ts";
import { forgeCosignature, GatewayKit, get, post, type ReplyBody } from "./gateway-kit.ts";

let kit: GatewayKit;
beforeEach(async () => {
  kit = await GatewayKit.open();
});
afterEach(() => kit[Symbol.asyncDispose]());

/** The kit's chain with some of its answers replaced. */
function chainWith(answers: Partial<ChainClient>): ChainClient {
  return new Proxy(kit.chain as ChainClient, {
    get: (chain, name) => {
      const found: unknown = Reflect.get(name in answers ? answers : chain, name);
      return typeof found === "function" ? found.bind(chain) : found;
    },
  });
}

const gone = async (): Promise<never> => {
  throw new EngramError("CHAIN_HISTORY_GONE", "gone");
};

describe("who may vote", () => {
  it("is more than half of the stake, however many signed", async () => {
    await kit.chain.stake(kit.validator(0).hotkey, 5_000);
    await kit.chain.step(50);
    await using gateway = await kit.start();
    const [, ...others] = kit.validators;
    const poor = await kit.ranking({ author: kit.validator(1), uid: 1, cosigners: others.slice(1) });
    expect(await post(gateway, poor.text)).toMatchObject({ status: 202, body: { quorum: { have: 3, need: 3 } } });
    const rich = await kit.ranking({ cosigners: others.slice(1) });
    expect((await post(gateway, rich.text)).status).toBe(201);
  });

  it("is kept once an epoch, and blocks whose state the chain forgot are judged by it", async () => {
    const cosigners = kit.validators.slice(1);
    await using _ = await kit.start();
    const old = await kit.ranking({ cosigners });
    await using pruned = await kit.start({ chain: chainWith({ metagraph: gone }) });
    expect((await post(pruned, old.text)).status).toBe(201);
    expect((await post(pruned, (await kit.ranking({ author: kit.stranger, cosigners })).text)).status).toBe(403);
  });

  it("where neither the chain nor the gateway knows it, nothing is accepted", async () => {
    await using pruned = await kit.start({ chain: chainWith({ metagraph: gone }) });
    const { text, signedHash } = await kit.ranking({ cosigners: kit.validators.slice(1) });
    const refused = { error: "validators_unknown", retryable: true };
    expect(await post(pruned, text)).toMatchObject({ status: 425, body: refused });
    expect(await get<ReplyBody>(pruned, `/relay/${signedHash}`)).toMatchObject({ error: "unknown_submission" });
  });

  it("is kept as of the finalized head, never as of a block that a sender chose", async () => {
    await using store = openGatewayStore(join(kit.folder, "sets"));
    const check = new ChainCheck(kit.chain, silent);
    const options = { netuid: 450, minStakeTao: 0 };
    const sets = new PermittedSets(options, { chain: check, store });
    const state = await check.state();
    const chosen = state.finalized.number - 1;
    expect((await sets.at(chosen, state.identity)).block).toBe(chosen);
    await sets.snapshot(state);
    const pruned = new ChainCheck(chainWith({ metagraph: gone }), silent);
    const later = await new PermittedSets(options, { chain: pruned, store }).at(chosen, state.identity);
    expect(later.block).toBe(state.finalized.number);
  });

  it("epochs change where the real chain's do", () => {
    expect([0, 360 - 451, 361 - 452, 361 - 451].map((block) => epochOf(block, 450))).toEqual([1, 0, 0, 1]);
  });
});

describe("finality", () => {
  it("a node that lied once about a block is not believed for longer than ten blocks", async () => {
    const lie = `0x${"99".repeat(32)}`;
    let lies = true;
    const blockHash: ChainClient["blockHash"] = async (number) => (lies ? lie : kit.chain.blockHash(number));
    await using gateway = await kit.start({ chain: chainWith({ blockHash }) });
    const { number: block } = await kit.chain.finalized();
    expect((await post(gateway, (await kit.inference({ block, blockHash: lie }, "a")).text)).status).toBe(201);
    lies = false;
    await kit.chain.step(10);
    await get(gateway, "/v1/gateway");
    const second = await kit.inference({ block, blockHash: lie }, "b");
    expect(await post(gateway, second.text)).toMatchObject({ status: 422, body: { error: "chain_mismatch" } });
  });
});

describe("an anchor", () => {
  it("is waited for on a real chain, unpaid, and one of another output ends it", async () => {
    let committed: Uint8Array | null = null;
    const chain = chainWith({ identity: async () => "0xgenesis", commitment: async () => committed });
    await using gateway = await kit.start({ chain });
    const { text, outputHash } = await kit.ranking({ cosigners: kit.validators.slice(1) });
    expect(await post(gateway, text)).toMatchObject({ status: 202, body: { status: "pending_chain", receipt: null } });
    const roundId = roundIdOf((await kit.chain.finalized()).number);
    committed = anchorBytes({ roundId, outputHash: "cd".repeat(32) });
    expect(await post(gateway, text)).toMatchObject({ status: 422, body: { error: "chain_mismatch" } });
    committed = anchorBytes({ roundId, outputHash });
    expect((await post(gateway, text)).status).toBe(201);
    const feed = await get<{ external_intelligence: object[] }>(gateway, "/v1/external-intelligence");
    expect(feed.external_intelligence).toMatchObject([{ verified: { anchor: true } }]);
  });
});

describe("rounds", () => {
  it("a hotkey's submissions may be 1,023 rounds late and no later, whatever the clock says", async () => {
    await using gateway = await kit.start();
    const first = (await kit.chain.finalized()).number;
    await kit.chain.step(1_024 * 50);
    const newest = await kit.inference({}, "newest");
    expect((await post(gateway, newest.text)).status).toBe(201);
    const late = await kit.inference({ block: first + 50 }, "late");
    expect((await post(gateway, late.text)).status).toBe(201);
    const tooLate = await kit.inference({ block: first }, "too late");
    expect(await post(gateway, tooLate.text)).toMatchObject({ status: 422, body: { error: "expired" } });
    const others = await kit.inference({ block: first, author: kit.validator(1), uid: 1 }, "of another");
    expect((await post(gateway, others.text)).status).toBe(201);
  });

  it("a second ranking of a round is kept as evidence, with what its author signed", async () => {
    await using gateway = await kit.start();
    const cosigners = kit.validators.slice(1);
    const first = await kit.ranking({ cosigners, recall: 0.7 });
    expect((await post(gateway, first.text)).status).toBe(201);
    const second = await kit.ranking({ cosigners, recall: 0.8 });
    const alone = await kit.ranking({ recall: 0.9 });
    for (const { text } of [second, alone, second]) expect((await post(gateway, text)).status).toBe(409);
    const { conflicts, next } = await get<{ conflicts: ConflictEvidence[]; next: number }>(gateway, "/v1/conflicts");
    const accepted_hash = first.signedHash;
    expect(conflicts).toMatchObject([
      { signed_hash: second.signedHash, accepted_hash, wire: second.text },
      { signed_hash: alone.signedHash, accepted_hash, hotkey: kit.validator(0).hotkey },
    ]);
    expect(await get(gateway, `/v1/conflicts?after=${next}`)).toEqual({ conflicts: [], next });
  });
});

describe("late co-signatures", () => {
  async function accepted(gateway: RunningGateway) {
    const nonce = `${(await kit.chain.finalized()).number}:0:1795000000000`;
    const [, second, third, fourth] = kit.validators;
    if (!second || !third || !fourth) throw new Error("no validators");
    const { text, signedHash } = await kit.ranking({ nonce, cosigners: [second, third] });
    const { body } = await post(gateway, text);
    return { nonce, signedHash, receipt: body.receipt, fourth };
  }

  it("raise what is known, on the same receipt", async () => {
    await using gateway = await kit.start();
    const { nonce, signedHash, receipt, fourth } = await accepted(gateway);
    const later = await kit.ranking({ nonce, cosigners: [fourth, kit.stranger] });
    expect(await post(gateway, later.text)).toMatchObject({ status: 200, body: { status: "duplicate", receipt } });
    const state = await get<ReplyBody & { late_signatures: object[] }>(gateway, `/relay/${signedHash}`);
    expect(state).toMatchObject({ quorum: { have: 4, stake_ppm: 1_000_000 }, receipt });
    expect(state.late_signatures).toMatchObject([{ validator_hotkey: fourth.hotkey }]);
    const feed = await get<{ external_intelligence: object[] }>(gateway, "/v1/external-intelligence");
    expect(feed.external_intelligence).toMatchObject([{ verified: { quorum: { have: 4 } } }]);
    expect(feed.external_intelligence).toHaveLength(1);
    const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: sendTo(() => gateway.url) });
    const { items, refused } = await reader.read({}, new AbortController().signal);
    expect(refused).toEqual([]);
    expect(items).toMatchObject([{ quorum: { votes: 4, needed: 3 }, cosigners: { length: 2 } }]);
  });

  it("count when they are good alone", async () => {
    await using gateway = await kit.start();
    const { nonce, signedHash, fourth } = await accepted(gateway);
    const later = await kit.ranking({ nonce, cosigners: [fourth] });
    const forged = forgeCosignature(later.text);
    expect(await post(gateway, forged)).toMatchObject({ status: 401 });
    expect(await get<ReplyBody>(gateway, `/relay/${signedHash}`)).toMatchObject({ quorum: { have: 3 } });
  });
});
