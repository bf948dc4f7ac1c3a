import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EngramError } from "../../src/crypto/errors.ts";
import type { RunningValidator } from "../../src/node/validator/start-validator.ts";
import type { ValidatorContext } from "../../src/node/validator/validator-context.ts";
import { Subnet } from "./subnet.ts";

let subnet: Subnet;
beforeEach(async () => {
  subnet = await Subnet.start();
});
afterEach(() => subnet[Symbol.asyncDispose]());

function runAll(...validators: readonly RunningValidator[]) {
  return Promise.all(validators.map((validator) => validator.runRound()));
}

function lie(path: string, text: string): string {
  if (path === "/ChallengeSynapse") return JSON.stringify({ ...JSON.parse(text), proof: "0".repeat(64) });
  return path === "/QuerySynapse" ? JSON.stringify({ ...JSON.parse(text), results: [] }) : text;
}

test("two validators measure three miners, agree, and set weights: a liar and a dead miner get less", async () => {
  const honest = await subnet.miner("honest");
  const liar = await subnet.miner("liar", lie);
  const dead = await subnet.miner("dead");
  await dead[Symbol.asyncDispose]();
  await subnet.chain.step();
  // On a busy machine one of them may be measuring still when the other has long ended.
  const patient = { agreementWaitMs: 60_000 };
  const one = await subnet.validator("one", {}, patient);
  const two = await subnet.validator("two", {}, patient);

  expect(await runAll(one, two)).toEqual(["done", "done"]);

  const uid = async (hotkey: typeof honest.hotkey) => (await subnet.chain.uidOf(hotkey)) ?? -1;
  const rows = await subnet.chain.weights();
  expect([...rows.keys()].sort()).toEqual([await uid(one.hotkey), await uid(two.hotkey)].sort());
  for (const row of rows.values()) {
    expect(row.get(await uid(honest.hotkey))).toBe(65_535);
    expect(row.get(await uid(liar.hotkey)) ?? 0).toBeLessThan(30_000);
    expect(row.has(await uid(dead.hotkey))).toBe(false);
  }
  const [round] = subnet.emitted.get("one") ?? [];
  expect(round).toMatchObject({ block: 1, roundId: 0, blockHash: await subnet.chain.blockHash(1) });
  expect(round?.scores.get(await uid(honest.hotkey))).toMatchObject({ recall: 1, proofRate: 1 });
  expect(round?.scores.get(await uid(liar.hotkey))).toMatchObject({ recall: 0, proofRate: 0 });
  expect(round?.scores.get(await uid(dead.hotkey))).toEqual({ recall: 0, latencyMs: null, proofRate: 0 });
  // Nothing is done twice in one round.
  expect(await runAll(one, two)).toEqual(["done", "done"]);
  expect(subnet.emitted.get("one")).toHaveLength(1);
});

test.each([
  ["no JSON", "{"],
  ["a list", "[]"],
  ["NaN", '{"results":[{"cid":NaN}],"latency_ms":NaN,"proof":NaN,"embedding_hash":1}'],
  ["other types", '{"results":5,"cid":[1],"embedding_hash":["é"],"proof":{}}'],
  ["cids that are lists", '{"results":[{"cid":[]}],"cid":null,"embedding_hash":"é","proof":"é"}'],
  ["more bytes than anybody reads", `"${"x".repeat(2_000_000)}"`],
])("a miner that answers %s costs itself alone", async (_, text) => {
  const honest = await subnet.miner("honest");
  const broken = await subnet.miner("broken", () => text);
  const only = await subnet.validator("only", { CONSENSUS_MIN_VALIDATORS: "0" });
  await subnet.chain.step();
  expect(await only.runRound()).toBe("done");
  const [round] = subnet.emitted.get("only") ?? [];
  const uids = [await subnet.chain.uidOf(honest.hotkey), await subnet.chain.uidOf(broken.hotkey)];
  expect(uids.map((uid) => round?.scores.get(uid ?? -1)?.recall)).toEqual([1, 0]);
});

const ASKS_ONE = { CONSENSUS_MIN_VALIDATORS: "1" };

test("without enough validators nothing is set or relayed; once another agrees, it is, also after a restart", async () => {
  await subnet.miner("honest");
  await subnet.chain.step();
  const impatient = { agreementWaitMs: 50 };
  const alone = await subnet.validator("one", ASKS_ONE, impatient);
  expect(await alone.runRound()).toBe("no_quorum");
  expect((await subnet.chain.weights()).size).toBe(0);
  expect(subnet.emitted.get("one")).toEqual([]);
  await alone[Symbol.asyncDispose]();

  const one = await subnet.validator("one", ASKS_ONE, impatient);
  const two = await subnet.validator("two", ASKS_ONE);
  while ((await two.runRound()) !== "done");
  while ((await one.runRound()) !== "done");
  expect((await subnet.chain.weights()).size).toBe(2);
  expect(subnet.emitted.get("one")).toMatchObject([{ block: 1 }]);
});

test("where too few speak half a round long, own weights are set and nothing is relayed", async () => {
  await subnet.miner("honest");
  await subnet.chain.step();
  const alone = await subnet.validator("one", ASKS_ONE, { agreementWaitMs: 50 });
  await subnet.chain.step(23);
  expect(await alone.runRound()).toBe("no_quorum");
  expect((await subnet.chain.weights()).size).toBe(0);
  await subnet.chain.step();
  expect(await alone.runRound()).toBe("done");
  expect((await subnet.chain.weights()).size).toBe(1);
  expect(subnet.emitted.get("one")).toEqual([]);
});

test("a round in which none of several miners answers is held against nobody: the fault is at this end", async () => {
  let isOut = false;
  const unlessOut = (_path: string, text: string) => (isOut ? "{}" : text);
  await subnet.miner("one", unlessOut);
  await subnet.miner("two", unlessOut);
  const validator = await subnet.validator("v", { CONSENSUS_MIN_VALIDATORS: "0" });
  await subnet.chain.step();
  expect(await validator.runRound()).toBe("done");
  isOut = true;
  for (let round = 1; round < 3; round++) {
    await subnet.chain.step(50);
    expect(await validator.runRound()).toBe("no_answers");
  }
  isOut = false;
  await subnet.chain.step(50);
  expect(await validator.runRound()).toBe("done");
  const rounds = subnet.emitted.get("v") ?? [];
  expect(rounds.map(({ roundId }) => roundId)).toEqual([0, 3]);
  expect([...(rounds.at(-1)?.scores.values() ?? [])].map(({ proofRate }) => proofRate)).toEqual([1, 1]);
});

test("a restart keeps averages, proof records and the round that was done", async () => {
  const miner = await subnet.miner("miner");
  const environment = { CONSENSUS_MIN_VALIDATORS: "0" };
  const first = await subnet.validator("v", environment);
  await subnet.chain.step();
  expect(await first.runRound()).toBe("done");
  await first[Symbol.asyncDispose]();

  const again = await subnet.validator("v", environment);
  expect(again.hotkey).toBe(first.hotkey);
  expect(await again.runRound()).toBe("done");
  expect(subnet.emitted.get("v")).toHaveLength(1);

  // The miner dies: a validator that had forgotten would give it nothing at all.
  await miner[Symbol.asyncDispose]();
  await subnet.chain.step(50);
  expect(await again.runRound()).toBe("done");
  const uid = (await subnet.chain.uidOf(miner.hotkey)) ?? -1;
  expect(subnet.emitted.get("v")?.at(-1)).toMatchObject({ roundId: 1 });
  expect(subnet.emitted.get("v")?.at(-1)?.scores.get(uid)).toEqual({ recall: 0, latencyMs: null, proofRate: 0.5 });
  expect((await subnet.chain.weights()).values().next().value?.get(uid)).toBe(65_535);
});

test("what was agreed before a long interruption is still relayed, but weights that old are not set", async () => {
  await subnet.miner("miner");
  const environment = { CONSENSUS_MIN_VALIDATORS: "0" };
  await subnet.chain.step();
  const away = vi.spyOn(subnet.chain, "setWeights").mockRejectedValue(new Error("away"));
  const first = await subnet.validator("v", environment);
  await expect(first.runRound()).rejects.toThrow("away");
  await first[Symbol.asyncDispose]();
  expect(subnet.emitted.get("v")).toEqual([]);
  away.mockRestore();

  await subnet.chain.step(150);
  const setWeights = vi.spyOn(subnet.chain, "setWeights");
  const again = await subnet.validator("v", environment);
  expect(await again.runRound()).toBe("done");
  expect(subnet.emitted.get("v")).toMatchObject([{ roundId: 0, block: 1 }, { roundId: 3 }]);
  expect(setWeights).toHaveBeenCalledTimes(1);
});

test("a validator whose address the chain does not take sets weights all the same, and publishes it later (V-W4)", async () => {
  let refuses = true;
  const refusal = async () => {
    throw new EngramError("CHAIN_REFUSED", "it was set a moment ago");
  };
  const chain = new Proxy(subnet.chain, {
    get: (target, key) => {
      const value: unknown = key === "serveAxon" && refuses ? refusal : Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await subnet.miner("miner");
  const validator = await subnet.validator("v", { CONSENSUS_MIN_VALIDATORS: "0" }, { chain });
  await subnet.chain.step();
  expect(await validator.runRound()).toBe("done");
  expect((await subnet.chain.weights()).size).toBe(1);
  const published = async () => {
    const { neurons } = await subnet.chain.metagraph();
    return neurons.find(({ hotkey }) => hotkey === validator.hotkey)?.endpoint;
  };
  expect(await published()).toBeNull();
  refuses = false;
  await subnet.chain.step(26);
  await vi.waitFor(async () => expect(await published()).toBe(validator.endpoint), { timeout: 10_000 });
});

test("no round is measured at block 0", async () => {
  await subnet.miner("miner");
  const validator = await subnet.validator("v", { CONSENSUS_MIN_VALIDATORS: "0" });
  expect(await validator.runRound()).toBe("no_miners");
  await subnet.chain.step();
  while ((await validator.runRound()) !== "done");
  expect(subnet.emitted.get("v")).toMatchObject([{ block: 1 }]);
});

test("own scores say how many challenges their proof rates rest on", async () => {
  const miner = await subnet.miner("miner");
  await subnet.chain.step();
  const contexts: ValidatorContext[] = [];
  const onContext = (context: ValidatorContext) => void contexts.push(context);
  const validator = await subnet.validator("v", { CONSENSUS_MIN_VALIDATORS: "0" }, { onContext });
  expect(await validator.runRound()).toBe("done");
  await subnet.chain.step(50);
  while (subnet.emitted.get("v")?.length !== 2) await validator.runRound();
  const uid = (await subnet.chain.uidOf(miner.hotkey)) ?? -1;
  const own = await Promise.all([0, 1, 2].map((roundId) => contexts[0]?.ownScores(roundId)));
  expect(own.map((scores) => scores?.challenges?.get(uid))).toEqual([5, 10, undefined]);
  expect(own[2]).toBeNull();
});

test("a hotkey without a permit measures nobody", async () => {
  await subnet.miner("miner");
  const validator = await subnet.validator("v", { CONSENSUS_MIN_VALIDATORS: "0" }, { stake: 0 });
  expect(await validator.runRound()).toBe("no_permit");
  expect(subnet.emitted.get("v")).toEqual([]);
});
