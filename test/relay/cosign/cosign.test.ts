import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import type { MinerScore } from "../../../src/node/ports.ts";
import { Auth2Caller } from "../../../src/node/protocol/auth2-caller.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { judgeAgreement } from "../../../src/relay/cosign/agreement.ts";
import { collectCosignatures } from "../../../src/relay/cosign/collect-cosignatures.ts";
import { proposerDelay } from "../../../src/relay/cosign/proposer-order.ts";
import { cosignRoutes } from "../../../src/relay/cosign/routes.ts";
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
  chain.grow(110);
  chain.finalize(105);
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
  const app = new Hono().route("/", cosignRoutes({ context, gate, log: silent }));
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
  const ask = (text: string, caller = proposer) => {
    // Each call has a caller of its own: only the clock keeps their nonces apart.
    clock.time += 1;
    return collectCosignatures(
      { caller: new Auth2Caller({ signer: caller, sr25519, clock }), http, sr25519, log: silent },
      text,
      [{ hotkey: cosigner.hotkey, url: "http://validator.test" }],
      new AbortController().signal,
    );
  };
  const forget = () => {
    own = null;
  };
  return { chain, outbox, proposer, cosigner, stranger, wire, ask, answers, forget };
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

  test("signs one payload of a round and no second, of whomever", async () => {
    await using home = await tempHome();
    const { ask, wire, outbox, answers } = await cosigning(home.path);
    await using _ = outbox;
    expect(await ask(wire())).toHaveLength(1);
    expect(await ask(wire({ scores: scoresOf(1, 0.5) }))).toEqual([]);
    expect(answers.at(-1)).toBe('409 {"error":"round_taken"}');
  });

  test.each([
    ["scores it does not share", { scores: scoresOf(0, 1) }, /^409 .*"disagree"/],
    ["a block that is not final", { block: 108 }, /^425 .*not_final/],
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
    expect(answers.at(-1)).toBe('403 {"error":"not_a_validator"}');
    await ask(text.replace('"recall":0.95', '"recall":0.96'));
    expect(answers.at(-1)).toBe('401 {"error":"bad_signature"}');
    chain.reorganise(20);
    await ask(text);
    expect(answers.at(-1)).toBe('422 {"error":"orphaned"}');
  });
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
