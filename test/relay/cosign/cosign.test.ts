import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import type { MinerScore } from "../../../src/node/ports.ts";
import { Auth2Caller } from "../../../src/node/protocol/auth2-caller.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { judgeAgreement } from "../../../src/relay/cosign/agreement.ts";
import { collectCosignatures } from "../../../src/relay/cosign/collect-cosignatures.ts";
import { votersOf } from "../../../src/relay/cosign/electorate.ts";
import { proposerDelay } from "../../../src/relay/cosign/proposer-order.ts";
import { COSIGN_PATH, cosignRoutes } from "../../../src/relay/cosign/routes.ts";
import { signJournal } from "../../../src/relay/cosign/sign-journal.ts";
import { openOutbox } from "../../../src/relay/outbox/outbox.ts";
import { freezeRanking, roundScores } from "../../../src/relay/payload/freeze-output.ts";
import { payloadBody, signPayload } from "../../../src/relay/payload/sign-payload.ts";
import { TestClock } from "../../support/test-clock.ts";
import { newSigner, SteppedChain, scoresOf, silent, sr25519, tempHome, validatorNeuron } from "../relay-kit.ts";

const proposed = (scores: ReadonlyMap<number, MinerScore>) => scores;

describe("agreement", () => {
  test.each([
    ["the same", scoresOf(1, 0.5), scoresOf(1, 0.5), true],
    ["a little off", scoresOf(1, 0.5), scoresOf(0.9, 0.6), true],
    ["all scores divided: no distance, but a gap", scoresOf(1, 1), scoresOf(0.5, 0.5), false],
    ["a stranger lifted", scoresOf(1, 0), scoresOf(1, 1), false],
    ["out of range", scoresOf(1, 1), scoresOf(1, 1.01), false],
    ["both saw nothing", scoresOf(0, 0), scoresOf(0, 0), true],
    ["nobody measured", scoresOf(), scoresOf(), true],
  ])("%s", (_, own, theirs, agrees) => {
    expect(judgeAgreement({ scores: own }, proposed(theirs)).agrees).toBe(agrees);
  });

  test("a proof rate counts from five challenges on", () => {
    const theirs = new Map([[0, { recall: 1, proofRate: 0.5 }]]);
    const judged = (challenges: number) =>
      judgeAgreement({ scores: scoresOf(1), challenges: new Map([[0, challenges]]) }, theirs).agrees;
    expect([judged(4), judged(5)]).toEqual([true, false]);
  });
});

const NETUID = 450;

async function cosigning(home: string) {
  const clock = new TestClock();
  const [proposer, cosigner, stranger] = [newSigner(), newSigner(), newSigner()];
  const chain = new SteppedChain([
    validatorNeuron(1, proposer),
    validatorNeuron(2, cosigner),
    { ...validatorNeuron(3, stranger), validatorPermit: false },
  ]);
  chain.grow(120);
  chain.finalize(115);
  const outbox = openOutbox(home);
  const journal = signJournal({ outbox, signer: cosigner, clock });
  let own: ReadonlyMap<number, MinerScore> | null = scoresOf(1, 0.5);
  const context = {
    netuid: NETUID,
    signer: cosigner,
    sr25519,
    chain,
    journal,
    ownScores: async (roundId: number) => (own && roundId === 2 ? { scores: own } : null),
  };
  const gate = new Auth2Gate({ identity: cosigner, sr25519, clock });
  const app = new Hono().route("/", cosignRoutes({ context, gate, log: silent, clock }));
  const answers: string[] = [];
  const http = createHttpClient(async (request) => {
    const response = await app.fetch(request);
    answers.push(`${response.status} ${JSON.stringify(await response.clone().json())}`);
    return response;
  });
  const wire = (
    options: { signer?: typeof proposer; block?: number; scores?: ReadonlyMap<number, MinerScore> } = {},
  ) => {
    const { signer = proposer, block = 101, scores = scoresOf(0.95, 0.5) } = options;
    clock.time += 1;
    return signPayload(
      payloadBody({
        schemaVersion: "engram-v2",
        netuid: NETUID,
        block,
        blockHash: chain.hashes[block] ?? "",
        roundTs: clock.time / 1_000,
        nonce: `${block}:1:${clock.time}`,
        output: freezeRanking(roundScores(scores)),
      }),
      signer,
    ).text;
  };
  const collect = (text: string, caller = proposer) => {
    // Each call has a caller of its own: only the clock keeps their nonces apart.
    clock.time += 1;
    const peers = [{ hotkey: cosigner.hotkey, url: "http://validator.test" }];
    return collectCosignatures(
      { caller: new Auth2Caller({ signer: caller, sr25519, clock }), http, sr25519, log: silent },
      { path: COSIGN_PATH, body: text, peers },
      new AbortController().signal,
    );
  };
  const ask = async (text: string, caller = proposer) => (await collect(text, caller)).found;
  const forget = () => {
    own = null;
  };
  return { chain, clock, outbox, proposer, cosigner, stranger, wire, collect, ask, answers, forget, app };
}

describe("POST /relay/cosign", () => {
  test("signs a ranking near its own, and gives the same signature again", async () => {
    await using home = await tempHome();
    const { ask, wire, outbox, cosigner } = await cosigning(home.path);
    await using _ = outbox;
    const text = wire();
    const [first] = await ask(text);
    expect(first?.validator_hotkey).toBe(cosigner.hotkey);
    expect(await ask(text)).toEqual([first]);
  });

  test("a proposer's second payload of a round is evidence: nothing of the round is signed any more, nor of its next", async () => {
    await using home = await tempHome();
    const { ask, collect, wire, outbox, answers, proposer, cosigner, chain } = await cosigning(home.path);
    await using _ = outbox;
    const first = wire();
    expect(await ask(first)).toHaveLength(1);
    const second = wire({ scores: scoresOf(1, 0.5) });
    expect(await collect(second)).toEqual({ found: [], lost: [cosigner.hotkey] });
    expect(answers.at(-1)).toBe('409 {"error":"round_skipped"}');
    await ask(first);
    expect(answers.at(-1)).toBe('409 {"error":"round_skipped"}');
    chain.grow(60);
    chain.finalize(170);
    await ask(wire({ block: 155 }));
    expect(answers.at(-1)).toBe('403 {"error":"equivocated"}');
    const kept = await outbox.call("equivocations", { limit: 10 });
    expect(kept).toMatchObject([{ roundId: 2, proposer: proposer.hotkey }]);
    expect(kept[0]?.payloads.map(({ body }) => body).sort()).toEqual([first, second].sort());
  });

  test("whoever signed for one proposer says so to the next, under its signature", async () => {
    await using home = await tempHome();
    const { outbox, wire, collect, chain, cosigner, proposer } = await cosigning(home.path);
    await using _ = outbox;
    const other = { ...proposer, signedHash: "0".repeat(64) };
    const key = { chain: await chain.identity(), hotkey: cosigner.hotkey, netuid: NETUID, roundId: 2 };
    await outbox.call("recordSigning", { ...key, signedHash: other.signedHash, proposer: proposer.hotkey, now: 1 });
    expect(await collect(wire())).toEqual({ found: [], lost: [cosigner.hotkey] });
  });

  test("another's payload, one out of turn and one of a changed set of voters touch no journal", async () => {
    await using home = await tempHome();
    const { ask, wire, outbox, answers, chain, proposer, cosigner, clock } = await cosigning(home.path);
    await using _ = outbox;
    const third = newSigner();
    chain.neurons = [...chain.neurons, validatorNeuron(4, third)];
    await ask(wire(), third);
    expect(answers.at(-1)).toBe('403 {"error":"not_the_proposer"}');
    const late = [50, 100].find(
      (block) => proposerDelay({ neurons: chain.neurons }, NETUID, block / 50, proposer.hotkey) !== 0,
    );
    if (late !== undefined) {
      chain.finalizedNumber = late;
      await ask(wire({ block: late }));
      expect(answers.at(-1)).toBe('425 {"error":"not_in_turn"}');
    }
    chain.finalizedNumber = 115;
    chain.neuronsFrom = 101;
    await ask(wire());
    expect(answers.at(-1)).toBe('409 {"error":"voters_changed"}');
    const key = { chain: await chain.identity(), hotkey: cosigner.hotkey, netuid: NETUID, roundId: 2 };
    expect(await outbox.call("signedInRound", key)).toBeNull();
    expect(clock.time).toBeGreaterThan(0);
  });

  test("strangers cost the chain no more than some looks together, and hold up nobody who votes", async () => {
    await using home = await tempHome();
    const { ask, wire, outbox, answers, chain, stranger } = await cosigning(home.path);
    await using _ = outbox;
    let looks = 0;
    const metagraph = chain.metagraph.bind(chain);
    chain.metagraph = async (block) => {
      looks += 1;
      return await metagraph(block);
    };
    const text = wire();
    for (let asked = 0; asked < 40; asked += 1) await ask(text, stranger);
    expect([looks, new Set(answers).size, answers.at(-1)?.slice(0, 3)]).toEqual([32, 1, "403"]);
    expect(await ask(text)).toHaveLength(1);
    expect(looks).toBeGreaterThan(32);
  });

  test("one question of a caller and round at a time", async () => {
    await using home = await tempHome();
    const { ask, wire, outbox, answers } = await cosigning(home.path);
    await using _ = outbox;
    const text = wire();
    await Promise.all([ask(text), ask(text)]);
    expect(answers.map((answer) => answer.slice(0, 3)).sort()).toEqual(["200", "429"]);
  });

  test.each([
    ["scores it does not share", { scores: scoresOf(0, 1) }, /^409 .*"disagree"/],
    ["a block that is not final", { block: 118 }, /^425 .*not_final/],
    ["a round it did not measure", { block: 1 }, /^425 .*no_own_scores/],
  ])("refuses %s", async (_, options, answer) => {
    await using home = await tempHome();
    const { ask, wire, outbox, answers } = await cosigning(home.path);
    await using __ = outbox;
    expect(await ask(wire(options))).toEqual([]);
    expect(answers.at(-1)).toMatch(answer);
  });

  test("refuses strangers, altered payloads and orphaned blocks", async () => {
    await using home = await tempHome();
    const { ask, wire, outbox, answers, stranger, chain } = await cosigning(home.path);
    await using _ = outbox;
    const text = wire();
    await ask(text, stranger);
    expect(answers.at(-1)).toMatch(/^403/);
    await ask(wire({ signer: stranger }));
    expect(answers.at(-1)).toBe('403 {"error":"not_the_proposer"}');
    await ask(text.replace('"recall":0.95', '"recall":0.96'));
    expect(answers.at(-1)).toBe('401 {"error":"bad_signature"}');
    chain.reorganise(20);
    await ask(text);
    expect(answers.at(-1)).toBe('422 {"error":"orphaned"}');
  });
});

test("an owner's voter is its hotkey with most stake, of equal ones the lower uid", () => {
  const [one, two, three] = [newSigner(), newSigner(), newSigner()];
  const { coldkey } = validatorNeuron(0, newSigner());
  const neuron = (uid: number, signer: typeof one, stakeTao: number) => ({
    ...validatorNeuron(uid, signer),
    ...{ coldkey, stakeTao },
  });
  const voters = (...neurons: ReturnType<typeof neuron>[]) => votersOf(neurons).map(({ uid }) => uid);
  expect(voters(neuron(1, one, 5), neuron(2, two, 9), neuron(3, three, 9))).toEqual([2]);
  expect(voters({ ...neuron(1, one, 10), validatorPermit: false }, neuron(2, two, 9))).toEqual([2]);
});

test("validators propose one after the other, in an order that each round draws anew", async () => {
  const signers = Array.from({ length: 4 }, () => newSigner());
  const chain = new SteppedChain(signers.map((signer, uid) => validatorNeuron(uid, signer)));
  const metagraph = await chain.metagraph(0);
  const delays = (round: number) => signers.map(({ hotkey }) => proposerDelay(metagraph, NETUID, round, hotkey));
  expect([...delays(1)].sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual([0, 5, 10, 15]);
  const firsts = new Set(Array.from({ length: 50 }, (_, round) => delays(round).indexOf(0)));
  expect(firsts.size).toBeGreaterThan(1);
  expect(proposerDelay(metagraph, NETUID, 1, newSigner().hotkey)).toBeNull();
});
