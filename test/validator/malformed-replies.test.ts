import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { type CapabilityStatement, capabilityMessage } from "../../src/node/protocol/capabilities.ts";
import { judgeMiners, standingsAfter } from "../../src/node/validator/judge-miners.ts";
import { liar } from "../support/lying-miner.ts";
import type { ScriptedAnswer, ScriptedCall } from "../support/scripted-miner.ts";
import { MeasuringBench } from "./measuring-bench.ts";

/** ENGRAM_FUZZ=2000 for the whole count (`npm run fuzz`). */
const RUNS = Math.min(Number(process.env["ENGRAM_FUZZ"] ?? 60), 2_000);

let bench: MeasuringBench;
/** What the miner under test answers, by path; the honest answer where this gives none. */
let reply: (
  call: ScriptedCall,
  honest: ScriptedAnswer | null,
) => ScriptedAnswer | null | Promise<ScriptedAnswer | null>;
let broken: ReturnType<MeasuringBench["add"]>;

beforeAll(async () => {
  bench = await MeasuringBench.start();
  bench.add();
  broken = bench.add((honest, call) => honest(call));
  const [, miner] = bench.miners;
  const honest = bench.network.nodes.get(miner?.endpoint ?? "");
  bench.network.nodes.set(miner?.endpoint ?? "", async (call) => await reply(call, (await honest?.(call)) ?? null));
});
afterAll(() => bench[Symbol.asyncDispose]());

/** A round in which the second miner may answer whatever it likes: it costs that one alone, and every number is one. */
async function measureBoth(): Promise<void> {
  const measured = await bench.measure();
  const [honest, other] = measured;
  expect(honest).toMatchObject({ recall: 1, latencyMs: 50, proofs: Array(5).fill(true) });
  expect(other?.proofs.map((isPassed) => typeof isPassed)).toEqual(Array(5).fill("boolean"));
  const neurons = bench.miners.map(({ uid, hotkey }) => {
    return { uid, hotkey, coldkey: hotkey, endpoint: null, stakeTao: 0, validatorPermit: false, incentive: 0 };
  });
  const judged = judgeMiners({ miners: [], slashes: [] }, neurons, measured, { block: 1, cooldownBlocks: 7_200 });
  for (const { recall, latencyMs, proofRate } of judged.scores.values()) {
    expect(recall >= 0 && recall <= 1 && proofRate >= 0 && proofRate <= 1).toBe(true);
    expect(latencyMs === null || (Number.isFinite(latencyMs) && latencyMs >= 0)).toBe(true);
  }
  const { weights, miners } = standingsAfter(judged, neurons, judged.scores);
  expect([...weights.values()].every((weight) => weight >= 0 && weight <= 1)).toBe(true);
  expect(weights.get(0)).toBeGreaterThanOrEqual(weights.get(broken.uid) ?? 1);
  expect(JSON.parse(JSON.stringify(miners))).toEqual(miners);
}

const text = (body: string, status = 200): ScriptedAnswer => ({ status, text: body, elapsedMs: 50 });

test.each([
  ["a latency that is a text", '{"results":[],"latency_ms":"fast"}'],
  ["NaN, as Python writes it", '{"results":[{"cid":"a"}],"latency_ms":NaN}'],
  ["a latency without end", '{"results":[],"latency_ms":1e999}'],
  ["a cid that is a list", '{"results":[{"cid":["a"]}],"cid":["a"]}'],
  ["results that are a number", '{"results":5}'],
  ["results of null", '{"results":[null,7,"a",[]]}'],
  ["a list", "[]"],
  ["a number", "7"],
  ["null", "null"],
  ["nothing", ""],
  ["a hash that is a number", '{"embedding_hash":5,"proof":5}'],
  ["proofs that are not ASCII", '{"embedding_hash":"é","proof":"é"}'],
  ["proofs as long as the right ones, not ASCII", `{"embedding_hash":"${"é".repeat(64)}","proof":"${"🜁".repeat(32)}"}`],
  ["keys of prototypes", '{"__proto__":{"results":[]},"constructor":1,"results":{"length":1}}'],
  ["ten thousand levels", "[".repeat(10_000)],
  ["more results than there are", JSON.stringify({ results: Array(5_000).fill({ cid: "a" }) })],
  ["lone surrogates", '{"results":[{"cid":"\\ud800"}],"cid":"\\udfff","embedding_hash":"\\ud800","proof":"\\ud800"}'],
])("%s costs the miner that sent it alone (V-W1)", async (_, body) => {
  reply = () => text(body);
  await measureBoth();
});

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value));
const field = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.string(), fc.string({ unit: "binary" }), fc.double());
/** The fields that replies have, with anything in them. */
const shaped = fc
  .record(
    {
      results: fc.oneof(field, fc.array(fc.oneof(field, fc.record({ cid: field, score: field })), { maxLength: 12 })),
      latency_ms: field,
      cid: field,
      embedding_hash: fc.oneof(field, fc.string({ minLength: 64, maxLength: 64, unit: "grapheme" })),
      proof: fc.oneof(field, fc.string({ minLength: 64, maxLength: 64, unit: "grapheme" })),
      error: field,
      caps: fc.oneof(field, fc.record({ hotkey: field, caps: field, signature: field, chain: field })),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const status = fc.oneof(
  { weight: 4, arbitrary: fc.constant(200) },
  { weight: 1, arbitrary: fc.integer({ min: 201, max: 599 }) },
);
const anyText = fc.oneof(shaped, json, fc.string({ unit: "binary" }));

test("whatever a miner answers, on whichever route, costs it alone (V-W1)", async () => {
  const paths = ["/health", "/IngestSynapse", "/ChallengeSynapse", "/QuerySynapse"];
  const run = fc.asyncProperty(fc.subarray(paths, { minLength: 1 }), anyText, status, async (wrong, body, code) => {
    reply = (call, honest) => (wrong.includes(call.path) ? text(body, code) : honest);
    await measureBoth();
  });
  await fc.assert(run, { numRuns: RUNS });
}, 600_000);

test("whatever a miner signs in answer to proof2 costs it alone", async () => {
  let said: unknown;
  const { key, send } = liar(bench.clock, () => said);
  const statement: CapabilityStatement = {
    ...{ chain: "local:test", hotkey: key.hotkey, caps: ["auth2", "proof2"], endpoint: "http://miner" },
    ...{ profile: { model: "m", dim: 16, normalized: true }, issued_at: bench.clock.now() },
  };
  const caps = { ...statement, signature: `0x${toHex(key.sign(capabilityMessage(statement)))}` };
  const [, miner] = bench.miners;
  bench.miners[1] = { ...(miner as NonNullable<typeof miner>), hotkey: key.hotkey };
  let signed = 0;
  reply = async ({ path, bodyText, headers }, honest) => {
    if (path === "/health") return text(JSON.stringify({ status: "ok", caps }));
    if (path !== "/ChallengeSynapse") return honest;
    const answer = await send(
      new Request("http://miner/ChallengeSynapse", { method: "POST", headers, body: bodyText }),
    );
    signed += 1;
    return { status: answer.status, text: await answer.text(), headers: answer.headers, elapsedMs: 5 };
  };
  const entry = fc.oneof(field, fc.record({ cid: field, embedding_hash: field, proof: field, proof2: field }));
  const entries = fc.array(entry, { maxLength: 8 });
  const replies = fc.oneof(fc.record({ nonce_hex: field, entries: fc.oneof(entries, field) }), fc.jsonValue());
  const run = fc.asyncProperty(replies, async (value) => {
    said = value;
    await measureBoth();
  });
  await fc.assert(run, { numRuns: RUNS });
  expect(signed).toBeGreaterThanOrEqual(RUNS);
}, 600_000);
