import type { Hono } from "hono";
import { expect, test } from "vitest";
import type { RankingRound } from "../../../src/node/ports.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { proposerDelay } from "../../../src/relay/cosign/proposer-order.ts";
import { cosignRoutes } from "../../../src/relay/cosign/routes.ts";
import { retryDelayMs } from "../../../src/relay/outbox/retry.ts";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import { verifyCosignature } from "../../../src/relay/payload/verify-payload.ts";
import { Relay } from "../../../src/relay/relay.ts";
import {
  anInference,
  newSigner,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  says,
  scoresOf,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";

const MINUTE = 60_000;
const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const;
const signer = newSigner();

function start(home: string, gateway: ScriptedGateway, chain: SteppedChain, clock: StillClock, quorumMin = 1): Relay {
  const own = { ...settings, quorumMin, gateway: gateway.address };
  return new Relay({ home, settings: own, signer, chain, http: gateway.http, sr25519, log: silent, clock });
}

function isCosign({ url }: Request): boolean {
  return url.startsWith("http://127.0.0.1:8091/");
}

function newChain(): SteppedChain {
  const chain = new SteppedChain([validatorNeuron(1, signer)]);
  chain.grow(110);
  chain.finalize(100);
  return chain;
}

function roundAt(chain: SteppedChain, block: number): RankingRound {
  const { hash } = chain.block(block);
  return { block, blockHash: hash, roundId: Math.floor(block / 50), scores: scoresOf(1, 0.5) };
}

test("a round is sent once it is final, and delivered once however often it is emitted", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  await using relay = start(home.path, gateway, chain, clock);
  await relay.emitRanking(roundAt(chain, 108));
  await relay.tick();
  expect(gateway.posted).toHaveLength(0);
  chain.finalize(108);
  clock.time += 5_000;
  await relay.tick();
  expect(gateway.posted).toHaveLength(0);
  chain.grow(2);
  clock.time += 5_000;
  await relay.tick();
  await relay.emitRanking(roundAt(chain, 108));
  await relay.tick();
  expect(gateway.posted).toHaveLength(1);
  const [delivered] = await relay.list();
  expect(delivered).toMatchObject({ state: "delivered", receipt: { gateway_seq: 1 }, attempts: 0 });
  expect(await relay.status()).toMatchObject({
    enabled: true,
    total_ok: 1,
    total_failed: 0,
    last_ok_hash: delivered?.outputHash,
    last_ok_at: clock.time,
  });
});

test("what was measured on a block that is taken away is never sent, and the round may come again", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  await using relay = start(home.path, gateway, chain, clock);
  await relay.emitRanking(roundAt(chain, 108));
  chain.reorganise(5);
  chain.grow(10);
  chain.finalize(115);
  await relay.tick();
  expect(gateway.posted).toHaveLength(0);
  expect(await relay.list()).toMatchObject([{ state: "orphaned", lastError: "reorganised", signedHash: null }]);
  await relay.emitRanking(roundAt(chain, 108));
  await relay.tick();
  expect(gateway.posted).toHaveLength(1);
});

test("a home that moves to another chain sends nothing of the first", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  await using relay = start(home.path, gateway, chain, clock);
  await relay.emitRanking(roundAt(chain, 90));
  chain.identityText = "local:another";
  await relay.tick();
  expect(gateway.posted).toHaveLength(0);
  expect(await relay.list()).toMatchObject([{ state: "orphaned", lastError: "other_chain" }]);
});

test("waits between attempts spread by a tenth, as their source draws, and none is shorter than was asked for", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  gateway.answers = [says(503, "down"), says(503, "down"), says(429, "too_many", { "retry-after": "100" })];
  const draws = [0, 0.999_999, 0];
  const parts = { settings: { ...settings, gateway: gateway.address }, http: gateway.http };
  const random = () => draws.shift() ?? 0.5;
  const options = { home: home.path, signer, chain, sr25519, log: silent, clock, random, ...parts };
  await using relay = new Relay(options);
  await relay.emitRanking(roundAt(chain, 90));
  for (const wait of [9_000, 22_000, 100_000]) {
    await relay.tick();
    const [waiting] = await relay.list();
    expect((waiting?.nextAt ?? 0) - clock.time).toBe(wait);
    clock.time += wait;
  }
  expect([retryDelayMs(9, 0, 1), retryDelayMs(0, 60_000, 1), retryDelayMs(0, 0)]).toEqual([330_000, 66_000, 10_000]);
});

test("failures wait 10 s doubling to 300, ten times, with the same bytes across restarts; then it is abandoned", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  gateway.answers = [says(503, "down")];
  let relay = start(home.path, gateway, chain, clock);
  await relay.emitRanking(roundAt(chain, 90));
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 11; attempt += 1) {
    await relay.tick();
    expect(gateway.posted).toHaveLength(attempt);
    const [row] = await relay.list();
    if (attempt === 11) break;
    waits.push(((row?.nextAt ?? 0) - clock.time) / 1_000);
    clock.time = (row?.nextAt ?? 0) - 1;
    await relay.tick();
    expect(gateway.posted).toHaveLength(attempt);
    clock.time += 1;
    await relay[Symbol.asyncDispose]();
    relay = start(home.path, gateway, chain, clock);
  }
  expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300, 300]);
  expect(new Set(gateway.posted.map(({ text }) => text)).size).toBe(1);
  expect(await relay.status()).toMatchObject({
    dlq_pending: 0,
    dlq_abandoned: 1,
    total_failed: 1,
    failed_attempts: 11,
  });
  clock.time += 10_000_000;
  await relay.tick();
  expect(gateway.posted).toHaveLength(11);
  await relay[Symbol.asyncDispose]();
});

test("a reply that is lost does not make a second submission: the same bytes are asked again", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  gateway.answers = [() => Promise.reject(new TypeError("reset")), (posted) => gateway.accept(posted)];
  await using relay = start(home.path, gateway, chain, clock);
  await relay.emitRanking(roundAt(chain, 90));
  await relay.tick();
  expect(await relay.status()).toMatchObject({ dlq_pending: 1 });
  clock.time += 10_000;
  await relay.tick();
  expect(new Set(gateway.posted.map(({ text }) => text)).size).toBe(1);
  expect(await relay.status()).toMatchObject({ dlq_pending: 0, total_ok: 1 });
});

test("a refusal parks at once; a person's replay sends it again", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  gateway.answers = [says(403, "not_a_validator"), (posted) => gateway.accept(posted)];
  await using relay = start(home.path, gateway, chain, clock);
  await relay.emitRanking(roundAt(chain, 90));
  await relay.tick();
  const [parked] = await relay.list("parked");
  expect(parked).toMatchObject({ lastError: "not_a_validator", lastHttpCode: 403 });
  clock.time += 10_000_000;
  await relay.tick();
  expect(gateway.posted).toHaveLength(1);
  expect(await relay.replay(parked?.job ?? "")).toBe(true);
  expect(await relay.replay(parked?.job ?? "")).toBe(false);
  await relay.tick();
  expect(await relay.status()).toMatchObject({ total_ok: 1, total_failed: 0 });
});

test("without a gateway nothing is queued, and it is counted", async () => {
  await using home = await tempHome();
  const [gateway, chain] = [new ScriptedGateway(), newChain()];
  const own = { ...settings, gateway: null };
  await using relay = new Relay({
    home: home.path,
    settings: own,
    signer,
    chain,
    http: gateway.http,
    sr25519,
    log: silent,
  });
  await relay.emitRanking(roundAt(chain, 90));
  expect(await relay.tick()).toBe(false);
  expect(await relay.list()).toEqual([]);
  expect(await relay.status()).toMatchObject({ enabled: false, dry_runs: 1 });
});

test.each([
  ["no block", { block: 0, blockHash: `0x${"00".repeat(32)}` }, "RELAY_NO_BLOCK"],
  ["no hash", { blockHash: "" }, "RELAY_NO_BLOCK"],
  ["a score above 1", { scores: scoresOf(1.5) }, "SCORES_INVALID"],
])("a round with %s is refused (V-W32)", async (_, changes, code) => {
  await using home = await tempHome();
  const chain = newChain();
  await using relay = start(home.path, new ScriptedGateway(), chain, new StillClock());
  await expect(relay.emitRanking({ ...roundAt(chain, 90), ...changes })).rejects.toMatchObject({ code });
  expect(await relay.list()).toEqual([]);
});

test("an inference goes out under the author's signature, once per output", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  await using relay = start(home.path, gateway, chain, clock);
  const output = anInference();
  const first = await relay.submit(output);
  expect(await relay.submit(output)).toEqual({ ...first, created: false });
  await relay.tick();
  expect(gateway.posted.map(({ text }) => readPayload(text).content.type)).toEqual(["inference"]);
});

test("a second validator's signature goes along; without it the submission waits a minute", async () => {
  await using home = await tempHome();
  await using otherHome = await tempHome();
  const [other, clock] = [newSigner(), new StillClock()];
  const neurons = [validatorNeuron(1, signer), validatorNeuron(2, other, "http://127.0.0.1:8091")];
  const chain = new SteppedChain(neurons);
  chain.grow(150);
  chain.finalize(140);
  let app: Hono | undefined;
  const gateway = new ScriptedGateway((request) =>
    isCosign(request) ? (app?.fetch(request) ?? new Response("", { status: 503 })) : undefined,
  );
  await using relay = start(home.path, gateway, chain, clock, 2);
  await using peer = new Relay({
    ...{ home: otherHome.path, settings: { ...settings, gateway: null }, signer: other, chain, http: gateway.http },
    ...{ sr25519, log: silent, clock },
  });
  await relay.emitRanking(roundAt(chain, 101));
  clock.time += MINUTE;
  await relay.tick();
  expect(await relay.list()).toMatchObject([{ state: "cosigning", lastError: "quorum" }]);
  const context = peer.cosignContext(async () => ({ scores: scoresOf(0.95, 0.5) }));
  app = cosignRoutes({ context, gate: new Auth2Gate({ identity: other, sr25519, clock }), log: silent });
  clock.time += 5_000;
  await relay.tick();
  const payload = readPayload(gateway.posted[0]?.text ?? "");
  expect(payload.cosignatures.map((found) => verifyCosignature(sr25519, payload, found))).toEqual([true]);

  app = undefined;
  await relay.emitRanking(roundAt(chain, 60));
  clock.time += MINUTE;
  await relay.tick();
  expect(gateway.posted).toHaveLength(1);
  clock.time += 60_000;
  gateway.answers = [says(202, "pending_quorum")];
  await relay.tick();
  expect(gateway.posted).toHaveLength(2);
  expect(await relay.list("cosigning")).toMatchObject([{ attempts: 0, polls: 1 }]);
});

test("told that validators are missing, it asks on, also for more than its own quorum", async () => {
  await using home = await tempHome();
  await using otherHome = await tempHome();
  const [other, clock] = [newSigner(), new StillClock()];
  const chain = new SteppedChain([validatorNeuron(1, signer), validatorNeuron(2, other, "http://127.0.0.1:8091")]);
  chain.grow(150);
  chain.finalize(140);
  let app: Hono | undefined;
  const gateway = new ScriptedGateway((request) => (isCosign(request) ? app?.fetch(request) : undefined));
  gateway.answers = [says(202, "pending_quorum"), (posted) => gateway.accept(posted)];
  await using relay = start(home.path, gateway, chain, clock, 1);
  await using peer = new Relay({
    ...{ home: otherHome.path, settings: { ...settings, gateway: null }, signer: other, chain, http: gateway.http },
    ...{ sr25519, log: silent, clock },
  });
  const context = peer.cosignContext(async () => ({ scores: scoresOf(1, 0.5) }));
  app = cosignRoutes({ context, gate: new Auth2Gate({ identity: other, sr25519, clock }), log: silent });
  await relay.emitRanking(roundAt(chain, 101));
  for (let tick = 0; tick < 2; tick += 1) {
    clock.time += MINUTE;
    await relay.tick();
  }
  expect(gateway.posted.map(({ text }) => readPayload(text).cosignatures.length)).toEqual([0, 1]);
  expect(await relay.list()).toMatchObject([{ state: "delivered", polls: 1, attempts: 0 }]);
});

test("two relays on one home send a submission once", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  await using first = start(home.path, gateway, chain, clock);
  await using second = start(home.path, gateway, chain, clock);
  await first.emitRanking(roundAt(chain, 90));
  await Promise.all([first.tick(), second.tick()]);
  await second.tick();
  expect(gateway.posted).toHaveLength(1);
});

test("whoever co-signed another's ranking does not send its own of that round", async () => {
  await using home = await tempHome();
  const [gateway, clock, proposer] = [new ScriptedGateway(), new StillClock(), newSigner()];
  const chain = new SteppedChain([validatorNeuron(1, signer), validatorNeuron(2, proposer)]);
  chain.grow(150);
  chain.finalize(140);
  await using relay = start(home.path, gateway, chain, clock);
  const { journal } = relay.cosignContext(async () => null);
  const key = { chain: "local:stepped", hotkey: signer.hotkey, netuid: 450, roundId: 2 };
  await journal.sign({ ...key, signedHash: "0".repeat(64), proposer: proposer.hotkey }, new Uint8Array([1]));
  await relay.emitRanking(roundAt(chain, 101));
  clock.time += MINUTE;
  await relay.tick();
  expect(gateway.posted).toHaveLength(0);
  expect(await relay.list()).toMatchObject([{ state: "skipped", lastError: "round_taken", signedHash: null }]);
});

test("a later proposer leaves the earlier one a minute and five blocks, and proposes then", async () => {
  await using home = await tempHome();
  const [gateway, clock] = [new ScriptedGateway(), new StillClock()];
  const chain = new SteppedChain([validatorNeuron(1, signer), validatorNeuron(2, newSigner())]);
  chain.grow(900);
  await using relay = start(home.path, gateway, chain, clock);
  const rounds = Array.from({ length: 16 }, (_, round) => 50 * round + 10);
  const delayOf = async (block: number) =>
    proposerDelay(await chain.metagraph(), 450, Math.floor(block / 50), signer.hotkey);
  const delays = await Promise.all(rounds.map(delayOf));
  const block = rounds[delays.indexOf(5)] ?? -1;
  chain.finalize(block + 4);
  await relay.emitRanking(roundAt(chain, block));
  const sentAfter = async (ms: number) => {
    clock.time += ms;
    await relay.tick();
    return gateway.posted.length;
  };
  expect(await sentAfter(MINUTE)).toBe(0);
  expect(await relay.list()).toMatchObject([{ state: "held", lastError: "not_my_turn" }]);
  chain.finalize(block + 5);
  expect(await sentAfter(5_000)).toBe(1);

  // The blocks alone, where they come faster than on the real chain, are not enough.
  const next = rounds[delays.indexOf(5, delays.indexOf(5) + 1)] ?? -1;
  chain.finalize(next + 20);
  await relay.emitRanking(roundAt(chain, next));
  expect(await sentAfter(MINUTE - 1)).toBe(1);
  expect(await sentAfter(5_000)).toBe(2);
});

test("who comes back after its minute waits to be asked first: another may have proposed meanwhile", async () => {
  await using home = await tempHome();
  const [gateway, chain, clock] = [new ScriptedGateway(), newChain(), new StillClock()];
  const relays = () => start(home.path, gateway, chain, clock);
  const sent = async (relay: Relay, ms: number) => {
    clock.time += ms;
    await relay.tick();
    return gateway.posted.length;
  };
  const first = relays();
  await first.emitRanking(roundAt(chain, 90));
  await first[Symbol.asyncDispose]();
  clock.time += MINUTE;
  const soon = relays();
  expect(await sent(soon, 0)).toBe(1);

  await soon.emitRanking(roundAt(chain, 40));
  await soon[Symbol.asyncDispose]();
  clock.time += MINUTE + 1;
  await using late = relays();
  expect(await sent(late, 2 * MINUTE - 1)).toBe(1);
  expect(await late.list("held")).toMatchObject([{ lastError: "not_my_turn" }]);
  expect(await sent(late, 5_000)).toBe(2);
});

test("a validator without a permit at the block parks its ranking", async () => {
  await using home = await tempHome();
  const [gateway, chain] = [new ScriptedGateway(), newChain()];
  chain.neurons = chain.neurons.map((neuron) => ({ ...neuron, validatorPermit: false }));
  await using relay = start(home.path, gateway, chain, new StillClock());
  await relay.emitRanking(roundAt(chain, 90));
  await relay.tick();
  expect(gateway.posted).toHaveLength(0);
  expect(await relay.list()).toMatchObject([{ state: "parked", lastError: "no_permit" }]);
});
