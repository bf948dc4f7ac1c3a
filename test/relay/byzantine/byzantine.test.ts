import { expect, test } from "vitest";
import { judgeAgreement } from "../../../src/relay/cosign/agreement.ts";
import type { Votes } from "../../../src/relay/quorum.ts";
import { sr25519 } from "../relay-kit.ts";
import type { MemoryOutbox } from "./memory-outbox.ts";
import { mutations } from "./mutations.ts";
import { type Mutation, World } from "./world.ts";

/** `npm run byzantine` runs 10,000. */
const SEEDS = Number(process.env["ENGRAM_BYZANTINE_SEEDS"] ?? 200);
/** So many of them with real signatures, headers and routes. */
const REAL_EVERY = 250;
const outboxes: MemoryOutbox[] = [];

async function play(seed: number, mutation?: Mutation): Promise<World> {
  const real = mutation === undefined && seed % REAL_EVERY === 0 ? sr25519 : null;
  const world = new World({ seed, real, outboxes, ...(mutation ? { mutation } : {}) });
  await world.run();
  expect(world.errors, `seed ${seed}`).toEqual([]);
  return world;
}

function certificatesByRound(world: World, enough?: (votes: Votes) => boolean) {
  const all = world.observer.certificates(world.ledger.neuronsAt, enough);
  return new Map(world.rounds.map((round) => [round, all.filter(({ roundId }) => roundId === round)]));
}

test(`over ${SEEDS} seeds of liars no two certificates of one round exist anywhere`, async () => {
  const share = new Map<string, { rounds: number; certified: number }>();
  const ends: Record<string, number> = {};
  let slowest = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const world = await play(seed);
    for (const [round, found] of certificatesByRound(world)) {
      const where = `seed ${seed}, round ${round}`;
      expect(found.length, where).toBeLessThanOrEqual(1);
      expect(world.accepted.get(round)?.size ?? 0, where).toBeLessThanOrEqual(1);
      // What a quorum stands behind is what honest validators may have measured, whoever proposed it.
      for (const { payload } of found) {
        const scores = payload.content.type === "ranking" ? Object.values(payload.content.output.scores) : [];
        const proposed = new Map(scores.map(({ recall, proof_rate }, uid) => [uid, { recall, proofRate: proof_rate }]));
        for (const { recall } of scores) expect(recall >= 0 && recall <= 1, where).toBe(true);
        const own = await Promise.all(world.honest.map(({ context }) => context.ownScores(round)));
        expect(
          own.some((one) => one !== null && judgeAgreement(one, proposed).agrees),
          where,
        ).toBe(true);
        expect(await world.honest[0]?.context.chain.blockHash(payload.block)).toBe(
          payload.blockHash ?? (await world.honest[0]?.context.chain.blockHash(payload.block)),
        );
      }
      const kind = world.isQuiet ? "quiet" : world.liars.length > 0 ? "with liars" : "troubled";
      const counted = share.get(kind) ?? { rounds: 0, certified: 0 };
      counted.rounds += 1;
      if ((world.accepted.get(round)?.size ?? 0) > 0) counted.certified += 1;
      share.set(kind, counted);
    }
    for (const { parts } of world.honest) {
      for (const { state, createdAt, endedAt, lastError } of await parts.outbox.call("list", {
        state: null,
        limit: 9,
      })) {
        // Nothing is stuck: every round ends, with a certificate or without, long before the day is over.
        expect(endedAt, `seed ${seed} ${state} ${lastError}`).not.toBeNull();
        slowest = Math.max(slowest, (endedAt ?? 0) - createdAt);
        const end = `${state} ${lastError ?? ""}`.trim();
        ends[end] = (ends[end] ?? 0) + 1;
      }
    }
  }
  const shares = [...share].map(([kind, { rounds, certified }]) => `${kind} ${certified} of ${rounds}`);
  process.stderr.write(`rounds certified: ${shares.join(", ")}; slowest end ${Math.round(slowest / 60_000)} min\n`);
  process.stderr.write(`${JSON.stringify(ends)}\n`);
  // Without liars, losses or changes every round has one; with them still most.
  for (const [kind, { rounds, certified }] of share) {
    expect(certified, kind).toBeGreaterThanOrEqual(kind === "quiet" ? rounds : rounds / 4);
  }
  expect([...share.keys()].sort()).toEqual(["quiet", "troubled", "with liars"]);
}, 3_600_000);

const MUTANT_SEEDS = 400;

test.each(Object.entries(mutations))(
  "two certificates are found where the rule is broken: %s",
  async (name, mutation) => {
    let seed = mutation.from ?? 1;
    const isFound = (world: World) =>
      [...certificatesByRound(world, mutation.enough).values()].some((found) => found.length > 1);
    while (seed <= MUTANT_SEEDS && !isFound(await play(seed, mutation))) seed += 1;
    process.stderr.write(`${name}: seed ${seed}\n`);
    expect(seed).toBeLessThanOrEqual(MUTANT_SEEDS);
  },
  600_000,
);
