import { expect, test } from "vitest";
import { openChain } from "../../src/node/chain/open-chain.ts";
import { networkOf } from "../../src/node/chain/subtensor/networks.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { someHotkey } from "../compliance/chain-client.ts";
import { NETUID } from "../support/subtensor-calls.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { SubtensorLedger } from "../support/subtensor-ledger.ts";
import { metadataWith } from "../support/subtensor-metadata.ts";
import { type SubtensorStub, startSubtensorStub } from "../support/subtensor-stub.ts";

const nodesOf = (kit: SubtensorKit) => kit.nodes as readonly [SubtensorStub, SubtensorStub, SubtensorStub];

test("networks have names, and addresses may be listed and pinned", () => {
  expect(networkOf("test")?.urls).toEqual(["wss://test.finney.opentensor.ai:443"]);
  expect(networkOf("finney")?.genesis).toMatch(/^0x2f0555cc.*6c03$/);
  const pin = `0x${"ab".repeat(32)}`;
  expect(networkOf(`wss://a.example:443, ws://b.example:9944/x#${pin}`)).toEqual({
    urls: ["wss://a.example/", "ws://b.example:9944/x"],
    genesis: pin,
  });
  expect(networkOf("test#netuid=12")).toMatchObject({ netuid: 12 });
  expect(networkOf(`ws://127.0.0.1:9944#${pin},netuid=2`)).toMatchObject({ netuid: 2, genesis: pin });
  expect(networkOf("local")).toBeUndefined();
  const unknown = expect.objectContaining({ code: "CHAIN_UNKNOWN" });
  for (const bad of [
    "wss://a.example#0x12",
    "ws://a.example,http://b.example",
    `finney#${pin}`,
    "wss://a b",
    "test#netuid=70000",
    "test#",
  ]) {
    expect(() => networkOf(bad)).toThrow(unknown);
  }
  expect(() => openChain("elsewhere", "/nowhere")).toThrow(unknown);
});

test("the metagraph is one question, and the same where the runtime has no such call", async () => {
  await using kit = await SubtensorKit.start({ metadata: metadataWith({ get_metagraph: "xet_metagraph" }) });
  const [validator, miner] = [kit.neuron(12.5), kit.neuron()];
  const axon = { block: 1, version: 1, ip: 0x7f000002, port: 8091, ipType: 4, protocol: 4 };
  kit.ledger.set("subtensorModule.axons", [NETUID, miner.hotkey], axon);
  kit.ledger.produce(3);
  const client = kit.connect();
  const { neurons, block } = await client.metagraph();
  expect(block).toBe(10);
  expect(neurons).toEqual([
    {
      ...{ uid: 0, hotkey: validator.hotkey, coldkey: validator.coldkey, endpoint: null, stakeTao: 12.5 },
      ...{ validatorPermit: true, incentive: 0 },
    },
    expect.objectContaining({
      uid: 1,
      hotkey: miner.hotkey,
      endpoint: "http://127.0.0.2:8091",
      validatorPermit: false,
    }),
  ]);
  const [node] = nodesOf(kit);
  expect(node.calls).toContain("state_queryStorageAt");
  node.faults.without = new Set(["state_queryStorageAt"]);
  expect(await client.metagraph()).toEqual({ block, hash: expect.any(String), neurons });

  await using whole = await SubtensorKit.start();
  whole.neuron();
  const reader = whole.connect();
  await reader.metagraph(10);
  const before = nodesOf(whole)[0].calls.length;
  await reader.metagraph(10);
  expect(nodesOf(whole)[0].calls.slice(before)).toEqual(["chain_getBlockHash", "state_call"]);
});

test("the hyperparameters are what the subnet's owner decided", async () => {
  await using kit = await SubtensorKit.start();
  kit.ledger.set("subtensorModule.revealPeriodEpochs", [NETUID], 3);
  kit.ledger.produce(3);
  expect(await kit.connect().hyperparameters()).toEqual({
    ...{ tempo: 20, commitReveal: false, revealPeriod: 3, commitRevealVersion: 4, weightsRateLimit: 5 },
    ...{ weightsVersion: 0n, minAllowedWeights: 1, maxWeightsLimit: 65_535, servingRateLimit: 50 },
    ...{ immunityPeriod: 4096, burnTao: 1, burnRao: 1_000_000_000n, registrationAllowed: true },
  });
  await expect(kit.connect({ netuid: 7 }).hyperparameters()).rejects.toMatchObject({ code: "CHAIN_NO_SUBNET" });
});

test.each(["hangs", "cuts every connection", "is gone"])("when an endpoint %s, the next one answers", async (how) => {
  await using kit = await SubtensorKit.start({ nodes: 2 });
  const { hotkey } = kit.neuron();
  const [first, second] = nodesOf(kit);
  const client = kit.connect({ deadlineMs: 300 });
  expect(await client.uidOf(hotkey)).toBe(0);
  const before = second.calls.length;
  if (how === "hangs") first.faults.hang = new Set(["*"]);
  else if (how === "is gone") await first[Symbol.asyncDispose]();
  else first.faults.cutBefore = new Set(["chain_getBlockHash"]);
  expect(await client.uidOf(hotkey)).toBe(0);
  expect(second.calls.length).toBeGreaterThan(before);
  if (how === "is gone") Object.assign(first, { [Symbol.asyncDispose]: async () => undefined });
});

test("when no endpoint answers, everything ends with an error, and goes on once one is back", async () => {
  await using kit = await SubtensorKit.start();
  const { hotkey } = kit.neuron();
  const [node] = nodesOf(kit);
  const client = kit.connect({ deadlineMs: 200, writeMs: 500 });
  expect(await client.uidOf(hotkey)).toBe(0);
  node.faults.hang = new Set(["*"]);
  for (const ask of [
    () => client.head(),
    () => client.finalized(),
    () => client.metagraph(),
    () => client.uidOf(hotkey),
    () => client.setCommitment(hotkey, Uint8Array.of(1)),
  ]) {
    await expect(ask()).rejects.toMatchObject({ code: expect.stringMatching(/^CHAIN_(TIMEOUT|UNREACHABLE)$/) });
  }
  node.faults.hang = new Set();
  const waited = client.waitForBlock(1, AbortSignal.timeout(20_000));
  expect((await waited).number).toBe(10);
});

test("an endpoint that was asked too much is asked again a second later, or another at once", async () => {
  await using kit = await SubtensorKit.start();
  const [node] = nodesOf(kit);
  const client = kit.connect();
  await client.head();
  node.faults.throttle = 1;
  expect((await client.head()).number).toBe(10);
  await using second = await startSubtensorStub(kit.ledger);
  const both = kit.connect({ network: { urls: [node.url, second.url] } });
  await both.head();
  node.faults.throttle = 1;
  const before = second.calls.length;
  await both.head();
  expect(second.calls.length).toBeGreaterThan(before);
});

test("an endpoint of another chain is never believed", async () => {
  await using kit = await SubtensorKit.start();
  const other = await SubtensorLedger.create();
  await using stranger = await startSubtensorStub(other);
  const [node] = nodesOf(kit);
  const network = { urls: [stranger.url, node.url], genesis: kit.ledger.genesis };
  expect((await kit.connect({ network }).head()).hash).toBe(kit.ledger.head.hash);
  const alone = kit.connect({ network: { urls: [stranger.url], genesis: kit.ledger.genesis } });
  await expect(alone.head()).rejects.toMatchObject({ code: "CHAIN_IDENTITY" });
  expect(await kit.connect().identity()).toBe(kit.ledger.genesis);
});

test("two endpoints that name different finalized blocks decide nothing, and nothing is written", async () => {
  await using kit = await SubtensorKit.start({ nodes: 2 });
  const { hotkey } = kit.neuron();
  const [, liar] = nodesOf(kit);
  liar.faults.forkedFrom = 5;
  const client = kit.connect();
  const refused = { code: "CHAIN_ENDPOINTS_DISAGREE" };
  await expect(client.finalized()).rejects.toMatchObject(refused);
  await expect(client.setCommitment(hotkey, Uint8Array.of(1))).rejects.toMatchObject(refused);
  expect(kit.ledger.taken).toHaveLength(0);
});

test("of three endpoints two decide, and the third is asked no more", async () => {
  await using kit = await SubtensorKit.start({ nodes: 3 });
  const [liar] = nodesOf(kit);
  const client = kit.connect();
  await client.head();
  liar.faults.forkedFrom = 5;
  liar.faults.overstates = 3;
  const { hash, number } = kit.ledger.finalized;
  expect(await client.finalized()).toEqual({ number, hash });
  const asked = liar.calls.length;
  await client.metagraph();
  await client.head();
  expect(liar.calls.length).toBe(asked);
});

test("what one endpoint alone calls finalized is not, and who is behind by its own word is not counted", async () => {
  await using kit = await SubtensorKit.start({ nodes: 2 });
  const [eager, slow] = nodesOf(kit);
  eager.faults.overstates = 3;
  expect((await kit.connect().finalized()).number).toBe(kit.ledger.finalized.number);
  eager.faults.overstates = 0;
  slow.faults.lag = 4;
  const client = kit.connect();
  expect((await client.finalized()).number).toBe(kit.ledger.finalized.number - 4);
  slow.faults.syncing = true;
  expect((await client.finalized()).number).toBe(kit.ledger.finalized.number);
});

test("what was final stays so, whoever answers now", async () => {
  await using kit = await SubtensorKit.start({ nodes: 2 });
  const [first, second] = nodesOf(kit);
  const client = kit.connect({ deadlineMs: 300 });
  const known = await client.finalized();
  second.faults.lag = 5;
  expect(await client.finalized()).toEqual(known);
  // The honest one is away, and the other is on a fork from before.
  first.faults.hang = new Set(["*"]);
  second.faults.lag = 0;
  second.faults.forkedFrom = 5;
  kit.ledger.produce(2);
  await expect(client.finalized()).rejects.toMatchObject({ code: "CHAIN_ENDPOINTS_DISAGREE" });
});

test("a state that one endpoint forgot is asked of the others", async () => {
  await using kit = await SubtensorKit.start({ nodes: 2 });
  const [behind] = nodesOf(kit);
  const client = kit.connect();
  await client.head();
  behind.faults.lag = 6;
  const found = await client.finalized();
  behind.faults.lag = 8;
  expect((await client.metagraph()).block).toBeLessThanOrEqual(found.number);
});

test("answers that are none are refused", async () => {
  await using kit = await SubtensorKit.start();
  const [node] = nodesOf(kit);
  const client = kit.connect();
  await client.metagraph();
  for (const method of ["chain_getHeader", "chain_getFinalizedHead", "state_call", "state_getRuntimeVersion"]) {
    node.faults.garble = new Set([method]);
    kit.ledger.produce(1);
    await expect(client.metagraph()).rejects.toMatchObject({ code: "CHAIN_REPLY_INVALID" });
  }
  node.faults.garble = new Set(["chain_getBlockHash"]);
  await expect(client.head()).rejects.toMatchObject({ code: "CHAIN_REPLY_INVALID" });
});

test("bytes whose answer was lost take effect once", async () => {
  await using kit = await SubtensorKit.start({ nodes: 2, inclusion: "next" });
  const { hotkey } = kit.neuron();
  const [first] = nodesOf(kit);
  const client = kit.connect();
  first.faults.cutAfter = new Set(["author_submitAndWatchExtrinsic"]);
  const block = await client.setCommitment(hotkey, Uint8Array.of(7));
  expect(kit.ledger.taken).toHaveLength(1);
  expect(kit.ledger.byHash(block.hash)?.extrinsics).toEqual(kit.ledger.taken);
});

test("bytes that never arrived are sent again as they were", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "next" });
  const { hotkey } = kit.neuron();
  const [node] = nodesOf(kit);
  node.faults.cutBefore = new Set(["author_submitAndWatchExtrinsic"]);
  await kit.connect().setCommitment(hotkey, Uint8Array.of(7));
  expect(kit.ledger.taken).toHaveLength(1);
  expect(node.calls.filter((method) => method === "author_submitAndWatchExtrinsic")).toHaveLength(2);
});

test("a call that stays in no block ends with its time, and says that it may still come", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "held" });
  const { hotkey } = kit.neuron();
  const write = kit.connect({ writeMs: 300 }).setCommitment(hotkey, Uint8Array.of(7));
  await expect(write).rejects.toMatchObject({ code: "CHAIN_TIMEOUT", fix: expect.stringContaining("64 blocks") });
  expect(kit.ledger.pool).toHaveLength(1);
});

test("a call waits for its block, and heads and finalized blocks are heard of", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "held" });
  const { hotkey } = kit.neuron();
  const client = kit.connect();
  const stop = new AbortController();
  const heard = Promise.withResolvers<number>();
  client.onFinalized(({ number }) => number > 7 && heard.resolve(number), stop.signal);
  const taken = kit.ledger.nextCall("setCommitment");
  const writing = client.setCommitment(hotkey, Uint8Array.of(7));
  await kit.ledger.accepted();
  kit.ledger.produce(1);
  expect((await writing).number).toBe(11);
  await taken;
  expect(await heard.promise).toBe(8);
  stop.abort();
});

test("reorganisations replace what was written, and the reader follows them", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "next" });
  const { hotkey } = kit.neuron();
  const client = kit.connect();
  const block = await client.setCommitment(hotkey, Uint8Array.of(7));
  kit.ledger.reorg(1);
  expect(await client.blockHash(block.number)).not.toBe(block.hash);
  kit.ledger.produce(3);
  expect(await client.commitment(hotkey)).toBeNull();
  await client.setCommitment(hotkey, Uint8Array.of(8));
  kit.ledger.produce(3);
  expect(await client.commitment(hotkey)).toEqual(Uint8Array.of(8));
});

test("while finality stalls, what is written is still bound to a block of late", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "next" });
  const { hotkey } = kit.neuron();
  const client = kit.connect();
  kit.ledger.stalledAt = 5;
  kit.ledger.produce(90);
  await client.setCommitment(hotkey, Uint8Array.of(1));
  expect((await client.finalized()).number).toBe(5);
  const era = kit.ledger.decode(kit.ledger.taken[0] ?? "").era.asMortalEra;
  expect(era.birth(kit.ledger.head.number)).toBe(100 - 16);
});

test("a node without subscriptions is followed by asking", async () => {
  await using kit = await SubtensorKit.start();
  const [node] = nodesOf(kit);
  node.faults.without = new Set(["chain_subscribeNewHeads"]);
  const waiting = kit.connect().waitForBlock(11, AbortSignal.timeout(20_000));
  kit.ledger.produce(1);
  expect((await waiting).number).toBe(11);
});

test("a metagraph in a form that nobody describes is read from storage", async () => {
  await using kit = await SubtensorKit.start({ metadata: metadataWith({ get_metagraph: "xet_metagraph" }) });
  await expect(kit.connect({ netuid: 7 }).metagraph()).rejects.toMatchObject({ code: "CHAIN_NO_SUBNET" });
  await using whole = await SubtensorKit.start();
  await expect(whole.connect({ netuid: 7 }).metagraph()).rejects.toMatchObject({ code: "CHAIN_NO_SUBNET" });
});

test("nothing is connected before something is asked, and a closed client asks nothing", async () => {
  await using kit = await SubtensorKit.start();
  const client = kit.connect({ clock: systemClock });
  expect(kit.nodes[0]?.peers.size).toBe(0);
  await client.head();
  await client[Symbol.asyncDispose]();
  await expect(client.head()).rejects.toMatchObject({ code: "CHAIN_CLOSED" });
  expect(await kit.connect().uidOf(someHotkey())).toBeNull();
});
