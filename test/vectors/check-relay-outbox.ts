import { equal, ok } from "node:assert/strict";
import { z } from "zod";
import { readPayload } from "../../src/relay/payload/read-payload.ts";
import { Relay } from "../../src/relay/relay.ts";
import {
  newSigner,
  type Posted,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  scoresOf,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay/relay-kit.ts";
import { checker, deviated } from "./checker.ts";

const outcome = z.union([z.int(), z.string()]);
const dlqCase = z.object({
  input: z.object({ enabled: z.boolean(), url: z.string().nullable() }),
  steps: z.array(
    z.object({
      event: z.object({ t: z.number(), block: z.int(), outcomes: z.array(outcome).optional() }),
      expected: z.object({ posted_blocks: z.array(z.int()) }),
    }),
  ),
});

const POSTS = 11;
/** Rounds are of 50 blocks: each block of a case is one round of ours. */
const blockOf = (block: number) => block * 50 + 10;

/**
 * The reference's emissions with our rules: a receipt alone is success, a refusal is not retried (V-W34), and what is
 * retried is retried by itself, not when a round comes by (V-W33).
 */
export const relayDlq = checker(async (vector) => {
  const { input, steps } = dlqCase.parse(vector);
  const [gateway, clock, signer] = [new ScriptedGateway(), new StillClock(), newSigner()];
  const chain = new SteppedChain([validatorNeuron(0, signer)]);
  const last = blockOf(Math.max(...steps.map(({ event }) => event.block)));
  chain.grow(last + 3);
  chain.finalize(last);
  const live = input.enabled && input.url !== null && input.url !== "";
  await using home = await tempHome();
  const settings = { netuid: 450, schemaVersion: "engram-v1", quorumMin: 1, deadlineMs: 5_000 } as const;
  await using relay = new Relay({
    ...{ home: home.path, settings: { ...settings, gateway: live ? gateway.address : null }, signer, chain },
    ...{ http: gateway.http, sr25519, log: silent, clock },
  });
  const said = new Map<number, (number | string)[]>();
  for (const { event, expected } of steps) {
    const { t, block, outcomes = [] } = event;
    clock.time = t * 1_000;
    gateway.answers = [
      (posted) => {
        const at = readPayload(posted.text).block;
        const index = expected.posted_blocks.findIndex((one) => blockOf(one) === at);
        const answer = outcomes[index] ?? outcomes.at(-1) ?? "refused";
        said.set(at, [...(said.get(at) ?? []), answer]);
        return answerOf(gateway, posted, answer);
      },
    ];
    const { number, hash } = chain.block(blockOf(block));
    await relay.emitRanking({ block: number, blockHash: hash, roundId: block, scores: scoresOf(1) });
    await relay.tick();
  }
  await verify(relay, gateway, said, { live, rounds: new Set(steps.map(({ event }) => event.block)).size });
  // A dry run is the same in both: nothing is sent, nothing is queued.
  if (!live) return;
  return deviated("V-W33, V-W34: retried only with the next round, and success is the absence of an exception");
});

function answerOf(gateway: ScriptedGateway, posted: Posted, answer: number | string): Response {
  if (answer === 200) return gateway.accept(posted);
  if (typeof answer === "string") throw new TypeError(answer);
  return new Response(null, { status: answer });
}

async function verify(
  relay: Relay,
  gateway: ScriptedGateway,
  said: ReadonlyMap<number, readonly (number | string)[]>,
  { live, rounds }: { readonly live: boolean; readonly rounds: number },
): Promise<void> {
  const status = await relay.status();
  equal(status.enabled, live);
  if (!live) {
    equal(gateway.posted.length + (await relay.list()).length, 0);
    ok(status.dry_runs >= rounds);
    return;
  }
  const submissions = await relay.list(null, 100);
  equal(submissions.length, rounds);
  for (const { block, body, state } of submissions) {
    const texts = gateway.posted.map(({ text }) => text).filter((text) => readPayload(text).block === block);
    ok(texts.length <= POSTS && texts.every((text) => text === body));
    const answers = said.get(block) ?? [];
    equal(state === "delivered", answers.includes(200));
    // After a refusal nothing is sent any more.
    const refused = answers.findIndex((answer) => answer === 400 || answer === 401 || answer === 403);
    if (refused >= 0) equal(answers.length, refused + 1);
    equal(state === "parked", refused >= 0);
  }
  equal(status.total_ok, submissions.filter(({ state }) => state === "delivered").length);
}
