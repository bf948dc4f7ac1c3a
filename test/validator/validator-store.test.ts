import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import type { MeasuredRound } from "../../src/node/validator/store/round-operations.ts";
import { validatorMigrations } from "../../src/node/validator/store/validator-schema.ts";
import { openValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import { nextTask } from "../../src/node/validator/weights/weights-policy.ts";
import { validatorStoreHere } from "../support/validator-store-here.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-validator-store-"));
  path = join(folder, "validator.db");
});
afterEach(() => rm(folder, { recursive: true }));

function hotkey(index: number): Hotkey {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, index);
  return hotkeyOf(key);
}

function measured(roundId: number): MeasuredRound {
  const vector = { validatorHotkey: hotkey(0), block: 1, scores: new Map(), timestampMs: 1, signature: "0x" };
  const rest = { measured: new Map(), challenges: new Map(), ownVector: vector, salt: "", ownCommit: "c" };
  return { roundId, block: 50 * roundId, blockHash: "0x0", hotkeys: new Map(), ...rest };
}

function minerOf(index: number) {
  return { hotkey: hotkey(index), average: 0.5, proofs: "P", reputation: null };
}

test("who left a subnet long ago is forgotten, those seen last are kept with all that is known of them", async () => {
  await using store = await validatorStoreHere(path);
  const first = { miners: [minerOf(1), minerOf(2)], slashes: [], keepFrom: 0 };
  await store.call("measured", { ...first, round: measured(1) });
  for (const index of [1, 2]) {
    await store.call("hold", { miner: hotkey(index), cids: ["v1::a"] });
    await store.call("savePin", { miner: hotkey(index), pin: "{}" });
  }
  // The second is there still; a subnet's whole set of keys was another meanwhile.
  const others = Array.from({ length: 4_095 }, (_, index) => minerOf(index + 3));
  const over = { block: 1, total: 6, passed: 0 };
  const slashes = Array.from({ length: 1_002 }, (_, index) => ({ ...over, miner: hotkey(index), active: index < 1 }));
  await store.call("measured", { miners: [...others, minerOf(2)], slashes, keepFrom: 0, round: measured(2) });
  const known = (await store.call("miners", null)).map((miner) => miner.hotkey);
  expect(known).toHaveLength(4_096);
  expect([hotkey(1), hotkey(2)].map((miner) => known.includes(miner))).toEqual([false, true]);
  for (const [index, there] of [[1, false] as const, [2, true] as const]) {
    expect(await store.call("heldBy", { miner: hotkey(index) })).toHaveLength(there ? 1 : 0);
    expect((await store.call("pin", { miner: hotkey(index) })) !== null).toBe(there);
  }
  // Of slashes that are over the oldest goes; one that lasts never does.
  const kept = (await store.call("slashes", null)).map(({ miner }) => miner);
  expect(kept).toHaveLength(1_001);
  expect([hotkey(0), hotkey(1), hotkey(2)].map((miner) => kept.includes(miner))).toEqual([true, false, true]);
});

/** The store as an earlier program left it, with `fill` as its rows. */
async function earlier(until: string, fill: readonly string[]): Promise<void> {
  const names = Object.keys(validatorMigrations);
  const known = names.slice(0, names.indexOf(until) + 1);
  const database = await openDatabase(
    path,
    Object.fromEntries(Object.entries(validatorMigrations).filter(([name]) => known.includes(name))),
  );
  for (const statement of fill) database.exec(statement);
  database.close();
}

const vector = JSON.stringify({
  validatorHotkey: hotkey(0),
  block: 350,
  scores: [[4, 1]],
  timestampMs: 1,
  signature: "0x",
});
const score = JSON.stringify([[4, { recall: 1, latencyMs: 20, proofRate: 1 }]]);
const weights = JSON.stringify([[4, 1]]);

function oldRound(id: number, stage: string, agreed: boolean): string {
  const parts = agreed ? `'${score}', '${weights}'` : "NULL, NULL";
  return `INSERT INTO round (round_id, block, block_hash, measured, own_vector, agreed, weights, stage)
    VALUES (${id}, ${50 * id}, '0x${id}', '${score}', '${vector}', ${parts}, '${stage}')`;
}

test("a store of the program before is taken over with its miners, slashes and rounds", async () => {
  await earlier("004-held-records", [
    `INSERT INTO miner VALUES ('${hotkey(1)}', 0.25, 7, 4, '{"ema":1,"recall":1,"proofRate":1,"latencyMs":null,"rounds":3}')`,
    `INSERT INTO miner VALUES ('${hotkey(2)}', NULL, 0, 0, NULL)`,
    `INSERT INTO slash_event (miner, block, total, passed, active) VALUES ('${hotkey(2)}', 9, 6, 1, 1)`,
    ...[oldRound(5, "done", true), oldRound(6, "weighted", true), oldRound(7, "agreed", true)],
    oldRound(8, "measured", false),
    `INSERT INTO peer_vector VALUES (8, '${hotkey(3)}', '${vector}')`,
    `INSERT INTO held_record VALUES ('${hotkey(1)}', 'v1::a')`,
  ]);
  await using store = openValidatorStore(path);
  const reputation = { ema: 1, recall: 1, proofRate: 1, latencyMs: null, rounds: 3 };
  expect(await store.call("miners", null)).toEqual([
    { hotkey: hotkey(1), average: 0.25, proofs: "FFFPPPP", reputation },
    { hotkey: hotkey(2), average: null, proofs: "", reputation: null },
  ]);
  expect(await store.call("slashes", null)).toEqual([
    { miner: hotkey(2), block: 9, total: 6, passed: 1, active: true },
  ]);
  expect(await store.call("heldBy", { miner: hotkey(1) })).toEqual(["v1::a"]);
  const rounds = await store.call("settledAfter", { roundId: -1 });
  expect(rounds.map(({ roundId, stage, verdict }) => [roundId, stage, verdict])).toEqual([
    [5, "done", "quorum"],
    [6, "agreed", "quorum"],
    [7, "agreed", "quorum"],
    [8, "done", null],
  ]);
  expect(rounds[1]).toMatchObject({ agreed: new Map(JSON.parse(score)), ownVector: { block: 350 }, ownCommit: "" });
  // What cannot be agreed on any more is not asked about; what was set is relayed still.
  expect(await store.call("unsettled", { before: 100 })).toEqual([]);
  expect((await store.call("unrelayed", { upTo: 9 })).map(({ roundId }) => roundId)).toEqual([6, 7]);
  // That it has no verdict is nobody's refusal.
  const terms = { head: 420, tempo: 20, rateLimit: 20, lastSet: null, commitReveal: false };
  expect(nextTask(rounds.slice(3), terms, null)).toEqual({ task: "none" });
  await store.call("measured", { round: measured(9), miners: [minerOf(1)], slashes: [], keepFrom: 6 });
  expect(await store.call("round", { roundId: 5 })).toBeNull();
  expect(await store.call("round", { roundId: 9 })).toMatchObject({ stage: "measured", ownCommit: "c" });
});

test.each(Object.keys(validatorMigrations))("a store as of %s is taken over", async (name) => {
  await earlier(name, []);
  await using store = openValidatorStore(path);
  await store.call("measured", { round: measured(1), miners: [minerOf(1)], slashes: [], keepFrom: 0 });
  expect(await store.call("coveredRound", null)).toBe(-1);
  expect(await store.call("heard", { roundId: 1 })).toEqual({ commits: [], openings: [], equivocated: [] });
});
