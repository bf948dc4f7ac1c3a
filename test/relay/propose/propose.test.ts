import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cidOf } from "../../../src/crypto/cid.ts";
import { toHex } from "../../../src/crypto/hex.ts";
import { objectFromPlain } from "../../../src/crypto/subnet-json.ts";
import { Auth2Caller } from "../../../src/node/protocol/auth2-caller.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { PROPOSE_PATH } from "../../../src/relay/cosign/routes.ts";
import type { FeedItem } from "../../../src/relay/gateway/feed.ts";
import { openIntelligence } from "../../../src/relay/intelligence/open-intelligence.ts";
import type { Submission } from "../../../src/relay/outbox/outbox-types.ts";
import type { FrozenOutput } from "../../../src/relay/payload/freeze-output.ts";
import { makeNonce } from "../../../src/relay/payload/nonce.ts";
import { type PayloadSigner, payloadBody, signPayload } from "../../../src/relay/payload/sign-payload.ts";
import { get, post } from "../gateway/gateway-kit.ts";
import { newSigner, silent, sr25519 } from "../relay-kit.ts";
import { ProposeKit } from "./propose-kit.ts";

let subnet: ProposeKit;
beforeAll(async () => {
  subnet = await ProposeKit.open();
}, 120_000);
afterAll(() => subnet[Symbol.asyncDispose]());
afterEach(() => {
  subnet.faults.clear();
  subnet.byzantine.clear();
  // Allowances fill up again.
  subnet.clock.time += 3_600_000;
});

let homes = 0;

/** Has `output` raised to a quorum by a new relay, and works for an hour at most; what became of it. */
async function raised(output: FrozenOutput, minutes = 2): Promise<Submission> {
  homes += 1;
  await using relay = subnet.relay(`home-${homes}`);
  const { job } = await relay.submit(output, null, "quorum");
  for (let minute = 0; minute <= minutes; minute += 1) {
    await relay.tick();
    subnet.clock.time += 60_000;
  }
  return (await relay.find(job ?? "")) as Submission;
}

/** A signed memory payload of `author`, as it goes to validators. */
async function proposal(output: FrozenOutput, author: PayloadSigner, nonce?: string): Promise<string> {
  const { chain } = subnet.kit;
  const { number: block, hash: blockHash } = await chain.finalized();
  const frame = {
    ...({ schemaVersion: "engram-v2", netuid: 450, block, blockHash, roundTs: 1.5, output } as const),
    nonce: nonce ?? makeNonce("memory", block, null, subnet.clock.now()),
  };
  return signPayload(payloadBody(frame), author).text;
}

/** What the first validator answers when `caller` asks it to vouch for `text`. */
async function ask(text: string, caller: PayloadSigner) {
  subnet.clock.time += 1;
  const peer = { hotkey: subnet.kit.validator(0).hotkey, url: "http://127.0.0.1:60001" };
  const auth2 = new Auth2Caller({ signer: caller, sr25519, clock: subnet.clock });
  const http = createHttpClient(subnet.toValidators);
  const limits = { deadlineMs: 30_000, maxBytes: 65_536 };
  const { status, text: reply } = await auth2.post(http, peer, PROPOSE_PATH, `{"payload":${text}}`, limits);
  return { status, body: JSON.parse(reply) as { readonly error?: string; readonly signature?: string } };
}

describe("a public memory", () => {
  test("is raised to a quorum though a miner lies about its bytes and a validator signs something else", async () => {
    const held = await subnet.store("the ferry leaves at noon");
    subnet.faults.set(subnet.miners[1] ?? "", "lies");
    let forgeries = 0;
    subnet.byzantine.set(3, async (_, request) => {
      const { payload } = (await request.clone().json()) as { readonly payload: { readonly signed_hash: string } };
      const { hotkey, sign } = subnet.kit.validator(3);
      forgeries += 1;
      const signature = `0x${toHex(sign(Buffer.from(payload.signed_hash)))}`;
      return await subnet.answer(3, request, { validator_hotkey: hotkey, signature, signed_hash: payload.signed_hash });
    });
    const done = await raised(subnet.output(held));
    expect(done).toMatchObject({ state: "delivered", assurance: "quorum", outputType: "memory" });
    expect(done.receipt).toMatchObject({ assurance: "quorum", output_type: "memory" });
    expect(forgeries).toBeGreaterThan(0);
    const honest = subnet.kit.validators.slice(0, 3).map(({ hotkey }) => hotkey as string);
    expect(done.cosignatures.map((one) => one.validator_hotkey).sort()).toEqual([...honest].sort());

    const { external_intelligence: items } = await get<{ readonly external_intelligence: readonly FeedItem[] }>(
      subnet.gateway,
      "/v1/external-intelligence?type=memory",
    );
    expect(items.find(({ id }) => id === done.signedHash)).toMatchObject({
      assurance: "quorum",
      verified: { quorum: { have: 3, need: 3 } },
      author: { validator_hotkey: subnet.author.hotkey },
    });
    const { url, hotkey } = subnet.gateway;
    const reader = await openIntelligence(
      { XERIS_RELAY_URL: url, ENGRAM_GATEWAY_HOTKEY: hotkey },
      { chain: subnet.kit.chain, log: silent },
    );
    const page = await reader.read(
      { types: ["memory"], minAssurance: "quorum", limit: 20 },
      AbortSignal.timeout(10_000),
    );
    expect(page.refused).toEqual([]);
    expect(page.items.find(({ id }) => id === done.signedHash)).toMatchObject({
      assurance: "quorum",
      author: subnet.author.hotkey,
      quorum: { votes: 3, needed: 3 },
    });
  });

  test("with two validators away is kept, never sent with less, and parked; a replay asks anew", async () => {
    const held = await subnet.store("pans want heat");
    const away = () => Response.json({ error: "unavailable" }, { status: 503 });
    for (const index of [1, 2]) subnet.byzantine.set(index, away);
    const before = (await get<{ readonly receipts: number }>(subnet.gateway, "/health")).receipts;
    await using relay = subnet.relay("patient");
    const { job } = await relay.submit(subnet.output(held), null, "quorum");
    await relay.tick();
    const waiting = await relay.find(job ?? "");
    expect(waiting).toMatchObject({ state: "cosigning", lastError: "quorum", firstSubmitAt: null });
    subnet.clock.time += 3_600_000;
    await relay.tick();
    expect(await relay.find(job ?? "")).toMatchObject({ state: "parked", lastError: "no_quorum", receipt: null });
    expect((await get<{ readonly receipts: number }>(subnet.gateway, "/health")).receipts).toBe(before);
    // Under its author alone it is another submission.
    expect(await relay.queued(subnet.output(held), "author")).toBeNull();
    subnet.byzantine.clear();
    expect(await relay.replay(job ?? "")).toBe(true);
    await relay.tick();
    const done = await relay.find(job ?? "");
    expect(done).toMatchObject({ state: "delivered", receipt: { assurance: "quorum" } });
    expect(done?.signedHash).not.toBe(waiting?.signedHash);
  });

  test.each([
    ["another text than the miners hold", "quorum_refused", { text: "something else" }],
    ["a tier it has not", "quorum_refused", { tier: "sovereign" }],
    ["a CID nobody holds", "quorum", { cid: `v1::${"0".repeat(64)}` }],
  ] as const)("%s gets no signature", async (_, code, { text, ...changes }: Record<string, string>) => {
    const held = await subnet.store(`a claim about ${code} ${text ?? ""}${JSON.stringify(changes)}`);
    const memory = text === undefined ? held.memory : { ...held.memory, text };
    const done = await raised(subnet.output({ ...held, memory }, changes));
    expect(done).toMatchObject({ lastError: code, cosignatures: [], firstSubmitAt: null, receipt: null });
    expect(done.state).toBe(code === "quorum" ? "cosigning" : "parked");
  });

  test("that one miner alone gives, the others lying or hiding, is not vouched for", async () => {
    const held = await subnet.store("only one has it");
    subnet.faults.set(subnet.miners[1] ?? "", "lies");
    subnet.faults.set(subnet.miners[2] ?? "", "hides");
    const text = await proposal(subnet.output(held), subnet.author);
    expect(await ask(text, subnet.author)).toMatchObject({ status: 425, body: { error: "not_held" } });
    subnet.faults.delete(subnet.miners[2] ?? "");
    expect(await ask(text, subnet.author)).toMatchObject({ status: 200 });
  });

  test("an envelope that miners show as if it were public is refused for good", async () => {
    const [embedding, metadata] = [[0.5, 0.25], { _enc: "sealed" }];
    const cid = cidOf({ embedding, metadata: objectFromPlain(metadata) });
    subnet.planted.set(cid, { cid, embedding, metadata });
    const { memory } = await subnet.store("looks public");
    const done = await raised(subnet.output({ memory, cid }));
    expect(done).toMatchObject({ state: "parked", lastError: "quorum_refused", cosignatures: [], receipt: null });
    const text = await proposal(subnet.output({ memory, cid }), subnet.author);
    expect(await ask(text, subnet.author)).toMatchObject({ status: 422, body: { error: "private_record" } });
  });

  test("of somebody else is not its proposer's to publish, nor is a payload another's to propose", async () => {
    const [owner, thief] = [newSigner(), newSigner()];
    const held = await subnet.store("mine alone", owner);
    const stolen = await proposal(subnet.output(held), thief);
    expect(await ask(stolen, thief)).toMatchObject({ status: 422, body: { error: "author_differs" } });
    const own = await proposal(subnet.output(held), owner);
    expect(await ask(own, thief)).toMatchObject({ status: 403, body: { error: "not_the_author" } });
    expect(await ask(own, owner)).toMatchObject({ status: 200 });
  });

  test("is signed once for a nonce: the same again gets the same signature and costs miners nothing", async () => {
    const [one, other] = [await subnet.store("first of the nonce"), await subnet.store("second of the nonce")];
    const nonce = makeNonce("memory", (await subnet.kit.chain.finalized()).number, null, subnet.clock.now());
    const text = await proposal(subnet.output(one), subnet.author, nonce);
    const first = await ask(text, subnet.author);
    expect(first.status).toBe(200);
    const { fetched } = subnet;
    expect((await ask(text, subnet.author)).body.signature).toBe(first.body.signature);
    const second = await proposal(subnet.output(other), subnet.author, nonce);
    expect(await ask(second, subnet.author)).toMatchObject({ status: 409, body: { error: "nonce_taken" } });
    expect(subnet.fetched).toBe(fetched);
  });

  test("a flood of strangers is bounded, costs no miner a call, and keeps nobody out who is registered", async () => {
    const member = subnet.kit.validator(1);
    const held = await subnet.store("from a member", member);
    const theirs = await subnet.store("from a stranger");
    const { fetched } = subnet;
    const output = subnet.output(theirs);
    const strangers = Array.from({ length: 60 }, () => newSigner());
    const answers = [];
    for (const stranger of strangers) answers.push((await ask(await proposal(output, stranger), stranger)).status);
    expect(answers.filter((status) => status === 429).length).toBeGreaterThanOrEqual(35);
    expect(subnet.fetched - fetched).toBeLessThanOrEqual(25 * 4);
    const uid = await subnet.kit.chain.uidOf(member.hotkey);
    const { number } = await subnet.kit.chain.finalized();
    const own = await proposal(
      subnet.output(held, { tier: "sovereign" }),
      member,
      makeNonce("memory", number, uid, subnet.clock.now()),
    );
    expect(await ask(own, member)).toMatchObject({ status: 200 });
  });

  test("without the signature of any validator the gateway keeps nothing of it", async () => {
    const held = await subnet.store("nobody vouches");
    const text = await proposal(subnet.output(held), subnet.author);
    const cosigned = `${text.slice(0, -1)},"cosignatures":${JSON.stringify([
      { validator_hotkey: newSigner().hotkey, signature: `0x${"22".repeat(64)}` },
    ])}}`;
    expect((await post(subnet.gateway, cosigned)).status).toBe(401);
    expect((await ask(text.replace(/"output_type":"memory"/, '"output_type":"inference"'), subnet.author)).status).toBe(
      400,
    );
  });
});
