import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalScoreVector } from "../../src/crypto/consensus-message.ts";
import { toWeightRow } from "../../src/node/chain/local/weight-row.ts";
import { agree, isNear, type MeasuredScores, recallDistance, tally } from "../../src/node/validator/consensus/tally.ts";
import { noProofs, proofCounts, proofRate, shouldSlash, withResult } from "../../src/node/validator/proof-record.ts";
import { nextReputation, type Reputation, reliability } from "../../src/node/validator/reputation.ts";
import {
  compositeScore,
  latencyScore,
  nextAverage,
  normalise,
  recallAtK,
  weightsOf,
} from "../../src/node/validator/scoring.ts";
import { expireSlashes, isSlashed, SLASH_BLOCKS, type SlashEvent, slash } from "../../src/node/validator/slashing.ts";
import { checker, deviated } from "./checker.ts";

const byUid = z
  .record(z.string(), z.number().nullable())
  .transform((map) => new Map(Object.entries(map).map(([uid, value]) => [Number(uid), value ?? 0])));
const latencies = z.record(z.string(), z.number().nullable());

function plain(map: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries([...map].map(([uid, value]) => [String(uid), value]));
}

const texts = z.array(z.string());
const recallCase = z.object({
  input: z.object({ returned: texts, truth: texts, k: z.int() }),
  expected: z.number(),
});
const scoreRecall = checker((vector) => {
  const { input, expected } = recallCase.parse(vector);
  equal(recallAtK(input.returned, input.truth, input.k), expected);
});

const latencyCase = z.object({ input: z.number().nullable(), expected: z.number() });
const scoreLatency = checker((vector) => {
  const { input, expected } = latencyCase.parse(vector);
  equal(latencyScore(input), expected);
});

const parts = z.object({ recall: z.number(), latency_ms: z.number().nullable(), proof_rate: z.number() });
const compositeCase = z.object({ input: parts, expected: z.number() });
const scoreComposite = checker((vector) => {
  const { input, expected } = compositeCase.parse(vector);
  const { recall, latency_ms: latencyMs, proof_rate } = input;
  equal(compositeScore({ recall, latencyMs, proofRate: proof_rate }), expected);
});

const normalizeCase = z.object({ input: byUid, expected: z.record(z.string(), z.number()) });
const scoreNormalize = checker((vector) => {
  const { input, expected } = normalizeCase.parse(vector);
  deepEqual(plain(normalise(input)), expected);
});

const weightsStep = z.object({
  input: z.object({
    uids: z.array(z.int()),
    recall: byUid,
    latency: latencies,
    proof: byUid,
    block: z.int(),
    slashed: z.array(z.int()).default([]),
  }),
  expected: z.object({
    moving_averages: z.record(z.string(), z.number()),
    weights_f32: z.array(z.number()),
    u16: z.object({ uids: z.array(z.int()), weights: z.array(z.int()) }),
    active_slashes: z.array(z.int()),
  }),
});
const weightsCase = z.object({ steps: z.array(weightsStep).min(1) });
const scoreSetweights = checker((vector) => {
  const averages = new Map<number, number>();
  let slashes: readonly SlashEvent<number>[] = [];
  for (const { input, expected } of weightsCase.parse(vector).steps) {
    slashes = expireSlashes(slashes, input.block, SLASH_BLOCKS);
    for (const miner of input.slashed) slashes = slash(slashes, { miner, block: input.block, total: 0, passed: 0 });
    const raw = new Map<number, number>();
    for (const uid of input.uids) {
      const [recall, latencyMs] = [input.recall.get(uid) ?? 0, input.latency[String(uid)] ?? null];
      const score = compositeScore({ recall, latencyMs, proofRate: input.proof.get(uid) ?? 0 });
      averages.set(uid, isSlashed(slashes, uid) ? 0 : nextAverage(averages.get(uid) ?? null, score));
      raw.set(uid, averages.get(uid) ?? 0);
    }
    deepEqual(plain(averages), expected.moving_averages);
    const weights = weightsOf(raw);
    deepEqual([...weights.values()], expected.weights_f32);
    const row = [...weights.values()].some((weight) => weight > 0) ? toWeightRow([...weights]) : [];
    deepEqual(
      [...row].sort(([one], [other]) => input.uids.indexOf(one) - input.uids.indexOf(other)),
      expected.u16.uids.map((uid, index) => [uid, expected.u16.weights[index]]),
    );
    deepEqual(input.uids.filter((uid) => isSlashed(slashes, uid)).sort(), [...expected.active_slashes].sort());
  }
});

const proofRateCase = z.object({
  input: z.string(),
  expected: z.object({
    trace: z.array(z.tuple([z.int(), z.int(), z.number(), z.boolean()])),
    success_rate: z.number(),
    should_slash: z.boolean(),
  }),
});
const slashProofrate = checker((vector) => {
  const { input, expected } = proofRateCase.parse(vector);
  let record = noProofs;
  const trace = [...input].map((result) => {
    record = withResult(record, result === "P");
    const { total, passed } = proofCounts(record);
    return [total, passed, proofRate(record), shouldSlash(record)];
  });
  deepEqual(trace, expected.trace);
  deepEqual([proofRate(record), shouldSlash(record)], [expected.success_rate, expected.should_slash]);
});

const slashStep = z.object({
  op: z.object({ op: z.enum(["slash", "is_slashed", "slashed_uids"]), uid: z.int().optional(), block: z.int() }),
  result: z.unknown(),
  rows: z.array(z.tuple([z.int(), z.int(), z.boolean()])),
});
const slashCase = z.object({ steps: z.array(slashStep).min(1) });
/** Expires one miner's slashes alone: the reference does so when it is asked about that one. */
function expireOf(events: readonly SlashEvent<number>[], uid: number, block: number): readonly SlashEvent<number>[] {
  return events.map((event) =>
    event.miner === uid ? (expireSlashes([event], block, SLASH_BLOCKS)[0] ?? event) : event,
  );
}

const slashSequences = checker((vector) => {
  let events: readonly SlashEvent<number>[] = [];
  for (const { op, result, rows } of slashCase.parse(vector).steps) {
    const uid = op.uid ?? -1;
    if (op.op === "slash") {
      events = slash(events, { miner: uid, block: op.block, total: 0, passed: 0 });
    } else if (op.op === "is_slashed") {
      events = expireOf(events, uid, op.block);
      equal(isSlashed(events, uid), result);
    } else {
      events = expireSlashes(events, op.block, SLASH_BLOCKS);
      const active = events.flatMap((event) => (event.active ? [event.miner] : []));
      deepEqual(
        active.sort((one, other) => one - other),
        result,
      );
    }
    deepEqual(
      events.map((event) => [event.miner, event.block, event.active]),
      rows,
    );
  }
});

const reputationStep = z.object({
  input: parts.extend({ uid: z.int(), score: z.number() }),
  expected: z.object({
    ema_score: z.number(),
    avg_recall: z.number(),
    avg_proof_rate: z.number(),
    avg_latency_ms: z.number().nullable(),
    rounds_scored: z.int(),
    reliability: z.number(),
  }),
});
const reputationCase = z.object({ steps: z.array(reputationStep).min(1), reliability_map: byUid });
const reputationEma = checker((vector) => {
  const reputations = new Map<number, Reputation>();
  const { steps, reliability_map } = reputationCase.parse(vector);
  for (const { input, expected } of steps) {
    const { uid, recall, score, latency_ms: latencyMs, proof_rate } = input;
    const next = nextReputation(reputations.get(uid) ?? null, { recall, score, latencyMs, proofRate: proof_rate });
    reputations.set(uid, next);
    deepEqual(
      {
        ema_score: next.ema,
        avg_recall: next.recall,
        avg_proof_rate: next.proofRate,
        avg_latency_ms: next.latencyMs,
        rounds_scored: next.rounds,
        reliability: reliability(next),
      },
      expected,
    );
  }
  deepEqual(
    plain(new Map([...reputations].map(([uid, reputation]) => [uid, reliability(reputation)]))),
    plain(reliability_map),
  );
});

const canonicalCase = z.object({
  input: z.object({
    validator_hotkey: z.string(),
    block: z.int(),
    scores_in_order: z.array(z.tuple([z.string(), z.number()])),
    timestamp_ms: z.int(),
  }),
  expected: z.object({ canonical_json: z.string(), sha256_of_canonical: z.string() }),
});
const consensusCanonical = checker((vector) => {
  const { input, expected } = canonicalCase.parse(vector);
  const scores = new Map(input.scores_in_order.map(([uid, score]) => [Number(uid), score]));
  const { validator_hotkey: validatorHotkey, block, timestamp_ms: timestampMs } = input;
  const text = canonicalScoreVector({ validatorHotkey, block, scores, timestampMs });
  equal(text, expected.canonical_json);
  equal(createHash("sha256").update(text).digest("hex"), expected.sha256_of_canonical);
});

/** Wire vectors carry recall alone (spec 9.1). */
function recalls(map: ReadonlyMap<number, number>): MeasuredScores["scores"] {
  return new Map([...map].map(([uid, recall]) => [uid, { recall, latencyMs: null, proofRate: 0 }]));
}

function measuredOf(map: ReadonlyMap<number, number>): MeasuredScores {
  return { scores: recalls(map), challenges: null };
}

const distanceCase = z.object({
  input: z.object({ a: byUid, b: byUid, tolerance: z.literal(0.15) }),
  expected: z.object({ distance: z.number(), agrees: z.boolean() }),
});
const consensusDistance = checker((vector) => {
  const { input, expected } = distanceCase.parse(vector);
  const distance = recallDistance(recalls(input.a), recalls(input.b));
  ok(Math.abs(distance - expected.distance) <= 1e-12);
  equal(isNear(distance), expected.agrees);
  // Ours asks for more than the direction (V-W22), and never for less but where all are zero (V-W24).
  const bothAgree = agree(measuredOf(input.a), measuredOf(input.b));
  if (bothAgree) ok(expected.agrees || [...input.a.values(), ...input.b.values()].every((v) => v === 0));
});

const quorumCase = z.object({
  input: z.object({
    own_hotkey: z.string(),
    min_validators: z.int(),
    ttl_secs: z.int(),
    now: z.number(),
    own_block: z.int(),
    own_scores: byUid.nullable(),
    peers: z.array(z.object({ hotkey: z.string(), block: z.int(), scores: byUid, timestamp_ms: z.int() })),
    ask: z.object({ block: z.int() }),
  }),
  expected: z.object({ has_quorum: z.boolean(), aggregate: z.record(z.string(), z.number()) }),
});
const consensusQuorum = checker((vector) => {
  const { input, expected } = quorumCase.parse(vector);
  const hasOwn = input.own_scores !== null && input.own_block === input.ask.block;
  const own = measuredOf(input.own_scores ?? new Map());
  const others = input.peers.filter(({ hotkey, block }) => hotkey !== input.own_hotkey && block === input.ask.block);
  const voices = others.map(({ scores, timestamp_ms: timestampMs }) => ({ ...measuredOf(scores), timestampMs }));
  const { agreeing, scores } = tally(own, voices, (input.now - input.ttl_secs) * 1000);
  const unlike = voices.filter((voice) => isNear(recallDistance(own.scores, voice.scores)) && !agree(own, voice));
  if (unlike.length > 0) {
    ok(agreeing <= voices.length - unlike.length);
    return deviated("V-W22: scores of the same direction agree, whatever their size");
  }
  if (hasOwn && voices.length > 0 && [own, ...voices].every(isZero)) {
    equal(agreeing, voices.length);
    return deviated("V-W24: rounds without any recall never agree");
  }
  // A validator that says another thing later is refused before it is counted.
  if (new Set(others.map(({ hotkey }) => hotkey)).size < others.length) {
    equal(tally(own, voices.slice(0, 1), 0).agreeing, 0);
    return deviated("V-W24: later vectors overwrite earlier ones");
  }
  equal(input.min_validators === 0 || (hasOwn && agreeing >= input.min_validators), expected.has_quorum);
  const recall = new Map([...scores].map(([uid, score]) => [uid, score.recall]));
  deepEqual(hasOwn ? plain(recall) : {}, expected.aggregate);
  return undefined;
});

function isZero({ scores }: MeasuredScores): boolean {
  return [...scores.values()].every(({ recall }) => recall === 0);
}

/** What the validator's own kinds verify. */
export const validatorKinds = {
  "score-recall": scoreRecall,
  "score-latency": scoreLatency,
  "score-composite": scoreComposite,
  "score-normalize": scoreNormalize,
  "score-setweights": scoreSetweights,
  "slash-proofrate": slashProofrate,
  "slash-sequences": slashSequences,
  "reputation-ema": reputationEma,
  "consensus-canonical": consensusCanonical,
  "consensus-distance": consensusDistance,
  "consensus-quorum": consensusQuorum,
};
