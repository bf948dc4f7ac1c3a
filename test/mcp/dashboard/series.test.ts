import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createHistoryOperations, type Sample } from "../../../src/mcp/dashboard/history/history-operations.ts";
import { historyMigrations } from "../../../src/mcp/dashboard/history/history-schema.ts";
import { needsAttention } from "../../../src/mcp/dashboard/needs-attention.ts";
import { recallOverRounds, sharesOf, weightsOverRounds } from "../../../src/mcp/dashboard/network-series.ts";
import { recently } from "../../../src/mcp/dashboard/recently.ts";
import { deliveriesOf, stretchesOf } from "../../../src/mcp/dashboard/relay-series.ts";
import { openDatabase } from "../../../src/node/runtime/sqlite.ts";
import type { KeptRound } from "../../../src/node/validator/store/validator-rows.ts";
import type { KeptSubmission } from "../../../src/node/validator/store/weights-operations.ts";
import type { Course } from "../../../src/relay/outbox/outbox-operations.ts";
import type { SubmissionState } from "../../../src/relay/outbox/outbox-types.ts";
import { FakeMemoryClient } from "../../support/fake-memory-client.ts";

const MINUTE = 60_000;

function course(state: SubmissionState, endedAt: number | null, more: Partial<Course> = {}): Course {
  const what = { outputType: "ranking", block: 1, attempts: 0, lastError: null } as const;
  const times = { createdAt: 0, releasedAt: null, firstSubmitAt: null, httpAckAt: null, bytes: null };
  return { ...what, ...times, job: "r_1", state, endedAt, ...more };
}

test("latency, lag and finality are measured of what was delivered, oldest first, and never below nothing", () => {
  const times = { createdAt: 10, releasedAt: 30, firstSubmitAt: 100, httpAckAt: 140 };
  const found = deliveriesOf([
    course("delivered", 900, times),
    course("delivered", 400, { ...times, releasedAt: null, httpAckAt: 90 }),
    course("parked", 500, times),
    course("submitting", null, times),
    course("delivered", 600),
  ]);
  expect(found).toEqual([
    { at: 400, latency: 300, finality: null, acknowledged: 0 },
    { at: 900, latency: 800, finality: 20, acknowledged: 40 },
  ]);
});

test("success and volume count what ended in stretches, empty ones too, and few of them over any span", () => {
  const found = stretchesOf([
    course("delivered", 10, { bytes: 100 }),
    course("delivered", 20, { bytes: 50 }),
    course("abandoned", 30),
    course("skipped", 40),
    course("delivered", 2 * MINUTE + 1, { bytes: 7 }),
  ]);
  expect(found).toEqual([
    { at: 0, delivered: 2, failed: 1, bytes: 150 },
    { at: MINUTE, delivered: 0, failed: 0, bytes: 0 },
    { at: 2 * MINUTE, delivered: 1, failed: 0, bytes: 7 },
  ]);
  for (const span of [MINUTE, 86_400_000, 400 * 86_400_000, 50 * 365 * 86_400_000]) {
    const stretches = stretchesOf([course("delivered", 1), course("delivered", span)]);
    expect(stretches.length).toBeLessThanOrEqual(49);
    expect(stretches.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(2);
  }
  expect(stretchesOf([])).toEqual([]);
});

test("weights are shares of a row that counts, scores are those agreed on, and more miners than colours are counted", () => {
  const submission = (roundId: number, state: string, row: readonly (readonly [number, number])[]) =>
    ({ roundId, state, submission: { row: new Map(row) } }) as unknown as KeptSubmission;
  const weights = weightsOverRounds([
    submission(3, "counts", [
      [1, 30],
      [2, 10],
    ]),
    submission(2, "lost", [[9, 1]]),
    submission(1, "waiting", [[1, 5]]),
  ]);
  expect(weights).toEqual({
    rounds: [1, 3],
    lines: [
      { name: "uid 1", values: [1, 0.75] },
      { name: "uid 2", values: [null, 0.25] },
    ],
    more: 0,
  });
  expect([...sharesOf(new Map([[1, 0]]))]).toEqual([[1, 0]]);
  const score = (recall: number) => ({ recall, latencyMs: null, proofRate: 1 });
  const measured = new Map(Array.from({ length: 8 }, (_, uid) => [uid, score(0.5)] as const));
  const round = { roundId: 7, measured, agreed: new Map([[0, score(0.9)]]) } as unknown as KeptRound;
  const alone = { roundId: 8, measured, agreed: null } as unknown as KeptRound;
  const recall = recallOverRounds([round, alone]);
  expect([recall.lines[0]?.values, recall.lines.length, recall.more]).toEqual([[0.9, 0.5], 6, 2]);
});

test("a home in order needs nobody; what is wrong is told worst first, and leads to its page", async () => {
  const client = new FakeMemoryClient({ minerUrls: ["http://127.0.0.1:1"] });
  await client.store({ items: [{ text: "one" }] });
  const status = { ...(await client.status()), backup: "made" as const, replicas: { have: 1, target: 3, possible: 1 } };
  expect(needsAttention(status, [])).toEqual([]);
  const relay = { consecutive_failures: 3, total_failed: 2 } as Parameters<typeof needsAttention>[1][number]["status"];
  const budget = { day: "2026-11-29", limit: 5, reserved: 0, spent: 5, left: 0 };
  const troubled = {
    ...status,
    backup: "never made" as const,
    miners: status.miners.map((one) => ({ ...one, reachable: false })),
  };
  const found = needsAttention(troubled, [{ name: "agent", status: relay, budget }]);
  expect(found.map(({ kind, path }) => [kind, path])).toEqual([
    ["bad", "/relay?of=agent"],
    ["warn", undefined],
    ["warn", "/network"],
    ["warn", "/relay?of=agent"],
    ["note", "/payments"],
  ]);
});

test("what was read is given again for a while, and what failed is read again at once", async () => {
  let reads = 0;
  let fails = false;
  const read = recently(1_000, async ({ name }: { readonly name: string }) => {
    reads += 1;
    if (fails) throw new Error("away");
    return `${name} ${reads}`;
  });
  const [one, other] = [{ name: "one" }, { name: "other" }];
  expect([await read(one, 0), await read(one, 999), await read(other, 999)]).toEqual(["one 1", "one 1", "other 2"]);
  fails = true;
  await expect(read(one, 1_000)).rejects.toThrow("away");
  fails = false;
  expect(await read(one, 1_001)).toBe("one 4");
});

test("samples are bounded on disk and in what is plotted", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-history-"));
  const database = await openDatabase(join(folder, "dashboard.sqlite"), historyMigrations);
  const { reads, writes } = createHistoryOperations(database);
  const sample = (at: number): Sample => ({ at, memories: at, copies: 0, waiting: 0, miners: 0, block: 0 });
  expect([reads.lastSample(null), reads.samples({ since: 0, until: 10, points: 240 })]).toEqual([0, []]);
  database.transaction(() => {
    for (let minute = 1; minute <= 10_100; minute++) writes.addSample(sample(minute * MINUTE));
  })();
  expect(reads.lastSample(null)).toBe(10_100 * MINUTE);
  expect(database.prepare("SELECT count(*), min(at) FROM sample").raw().get()).toEqual([10_080, 21 * MINUTE]);
  const plotted = reads.samples({ since: 0, until: 10_100 * MINUTE, points: 240 });
  expect(plotted.length).toBeGreaterThan(200);
  expect(plotted.length).toBeLessThanOrEqual(241);
  expect(plotted.at(-1)).toEqual(sample(10_100 * MINUTE));
  database.close();
  await rm(folder, { recursive: true });
});
