import { randomInt } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { openValidatorStore } from "../../../src/node/validator/store/validator-store.ts";
import { judgeAgreement } from "../../../src/relay/cosign/agreement.ts";
import { LocalEvm } from "../../../src/relay/evm/local-evm.ts";
import { openGatewayStore } from "../../../src/relay/gateway/gateway-store.ts";
import { openOutbox } from "../../../src/relay/outbox/outbox.ts";
import type { Submission } from "../../../src/relay/outbox/outbox-types.ts";
import { NO_RECEIPT_HASH, type Receipt, verifyReceiptChain } from "../../../src/relay/receipt.ts";
import { temporaryFolder } from "../../cli/engram.ts";
import { UpProcess } from "./up-process.ts";

/** Widened by hand; the seed of a failure is in its title. */
const KILLS = Number(process.env["ENGRAM_KILLS"] ?? 20);
const SEED = Number(process.env["ENGRAM_SEED"] ?? randomInt(2 ** 31));
/** The longest pause between two kills: about a tenth of a round, so that every step is met. */
const MAX_PAUSE_MS = 1_500;
const VALIDATORS = ["validator-1", "validator-2"];
const ENDS = ["delivered", "skipped"];
const ranking = z.object({ scores: z.record(z.string(), z.object({ recall: z.number(), proof_rate: z.number() })) });
/** What every payer is given. */
const FUNDS = 10_000_000;

test(`nothing is lost and nothing is paid twice: ${KILLS} kills at random, ENGRAM_SEED=${SEED}`, async () => {
  const home = await temporaryFolder();
  await using up = await UpProcess.start(home, ["--block-ms", "200"]);
  await up.until("rounds are relayed", () => (up.status?.receipts ?? 0) > 0, 180_000);

  await killAtRandom(up);
  const acknowledged = await submissionsOf(home);
  expect(acknowledged.length).toBeGreaterThan(0);
  await up.until("all that was acknowledged has ended", () => allEnded(home, acknowledged), 240_000);
  expect(await up.end("SIGTERM")).toEqual([0, null]);

  const receipts = await receiptsOf(home);
  await verifyReceiptChain(receipts, up.ready.gateway.hotkey as Receipt["gateway_hotkey"]);
  expect(receipts[0]).toMatchObject({ gateway_seq: 1, prev_receipt_hash: NO_RECEIPT_HASH });
  const submissions = await submissionsOf(home);
  expectDeliveredOnce(submissions, receipts);
  expectNothingLost(submissions, acknowledged, await disputedRounds(home, submissions));
  await expectPaidOnce(home, up, receipts);
}, 900_000);

/** Kills whatever runs, some at a time; resolves when all of it was started again. */
async function killAtRandom(up: UpProcess & { readonly ready: object }): Promise<void> {
  const random = generator(SEED);
  const killed = new Set<number>();
  const round: string[] = [];
  const names = [...up.running.keys()].sort();
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(random(MAX_PAUSE_MS));
    // Each is killed as often as the others, in an order nobody foresees.
    if (round.length === 0) round.push(...names);
    const [name = ""] = round.splice(random(round.length), 1);
    await up.until(`${name} runs`, () => up.running.has(name), 180_000);
    const pid = up.running.get(name) ?? 0;
    process.kill(pid, "SIGKILL");
    killed.add(pid);
    await up.until(`the end of ${name} is seen`, () => up.running.get(name) !== pid, 10_000);
  }
  await up.until("all run again", () => names.every((name) => up.running.has(name)), 180_000);
  expect(killed.size).toBe(KILLS);
  expect([...up.running.values()].filter((pid) => killed.has(pid))).toEqual([]);
}

/** A linear congruential generator: the same seed kills the same processes. */
function generator(seed: number): (limit: number) => number {
  let state = seed % 2_147_483_647 || 1;
  return (limit) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}

async function submissionsOf(home: string): Promise<readonly Submission[]> {
  const lists = VALIDATORS.map(async (name) => {
    await using outbox = openOutbox(join(home, "subnet", name));
    return await outbox.call("list", { state: null, limit: 1_000 });
  });
  return (await Promise.all(lists)).flat();
}

async function allEnded(home: string, acknowledged: readonly Submission[]): Promise<boolean> {
  const states = new Map((await submissionsOf(home)).map(({ job, state }) => [job, state]));
  const open = acknowledged.filter(({ job }) => !ENDS.includes(states.get(job) ?? ""));
  if (open.length === 0) return true;
  const disputed = await disputedRounds(home, open);
  return open.every(({ roundId }) => disputed.has(roundId));
}

/**
 * Rounds that the validators measured too differently to sign for each other, as when a miner was killed while one of
 * them looked at it: they are skipped, never delivered nor paid (spec 14.2).
 */
async function disputedRounds(home: string, submissions: readonly Submission[]): Promise<ReadonlySet<number>> {
  const disputed = new Set<number>();
  for (const name of VALIDATORS) {
    await using store = openValidatorStore(join(home, "subnet", name, "validator.db"));
    for (const { roundId, outputJson } of submissions) {
      const round = await store.call("round", { roundId });
      if (!round) continue;
      const own = { scores: round.measured, ...(round.challenges ? { challenges: round.challenges } : {}) };
      if (!judgeAgreement(own, proposedIn(outputJson)).agrees) disputed.add(roundId);
    }
  }
  return disputed;
}

function proposedIn(outputJson: string) {
  const { scores } = ranking.parse(JSON.parse(outputJson));
  return new Map(
    Object.entries(scores).map(([uid, { recall, proof_rate: proofRate }]) => [Number(uid), { recall, proofRate }]),
  );
}

async function receiptsOf(home: string): Promise<readonly Receipt[]> {
  await using store = openGatewayStore(join(home, "subnet", "gateway"));
  const all = { assurances: ["quorum", "author", "payer"], types: [], sinceMs: null, limit: 100 } as const;
  const receipts: Receipt[] = [];
  for (let after = 0; ; ) {
    const page = (await store.call("feed", { ...all, after })).flatMap(({ receipt }) => receipt ?? []);
    receipts.push(...page);
    const last = page.at(-1);
    if (!last) return receipts;
    after = last.gateway_seq;
  }
}

/** What is delivered has one receipt, and what has one is delivered or about to be told so. */
function expectDeliveredOnce(submissions: readonly Submission[], receipts: readonly Receipt[]): void {
  const bySignedHash = new Map(receipts.map((receipt) => [receipt.signed_hash, receipt]));
  expect(bySignedHash.size).toBe(receipts.length);
  const sent = new Set(submissions.map(({ signedHash }) => signedHash));
  for (const hash of bySignedHash.keys()) expect(sent).toContain(hash);
  for (const { state, signedHash, receipt } of submissions) {
    if (state === "delivered") expect(receipt).toEqual(bySignedHash.get(signedHash ?? ""));
  }
}

/** Each was delivered, or given up for the other validator's of its round, which was; or the round is disputed. */
function expectNothingLost(
  submissions: readonly Submission[],
  acknowledged: readonly Submission[],
  disputed: ReadonlySet<number>,
): void {
  const delivered = submissions.filter(({ state }) => state === "delivered");
  const rounds = new Set(delivered.map(({ roundId }) => roundId));
  expect(rounds.size).toBe(delivered.length);
  // The exception must not become the rule.
  const undelivered = new Set(acknowledged.flatMap(({ roundId }) => (rounds.has(roundId) ? [] : [roundId])));
  expect(rounds.size).toBeGreaterThan(undelivered.size);
  for (const { job } of acknowledged) {
    const found = submissions.find((submission) => submission.job === job);
    if (found === undefined) throw new Error(`${job} is lost`);
    if (found.state === "skipped") expect(["round_taken", "no_quorum"]).toContain(found.lastError);
    if (!rounds.has(found.roundId)) expect(disputed).toContain(found.roundId);
  }
}

async function expectPaidOnce(home: string, { ready }: UpProcess, receipts: readonly Receipt[]): Promise<void> {
  const { price = 0, payTo = "0x" } = ready?.payments ?? {};
  const payments = receipts.flatMap(({ payment }) => payment ?? []);
  expect(payments).toHaveLength(receipts.length);
  expect(payments.every(({ amount, bound }) => Number(amount) === price && bound)).toBe(true);
  expect(new Set(payments.map(({ transaction }) => transaction)).size).toBe(receipts.length);
  await using evm = await LocalEvm.start({ folder: join(home, "subnet", "evm") });
  expect(await evm.balance(payTo as `0x${string}`)).toBe(receipts.length * price);
  for (const { payer } of ready?.processes ?? []) {
    if (payer === null) continue;
    const spent = payments.filter((payment) => payment.payer.toLowerCase() === payer.toLowerCase()).length * price;
    expect(await evm.balance(payer)).toBe(FUNDS - spent);
  }
}
