import { beforeAll, expect, test } from "vitest";
import { decodeHotkey } from "../../src/crypto/ss58.ts";
import { QUICKNET } from "../../src/crypto/timelock.ts";
import { Runtime } from "../../src/node/chain/subtensor/runtime.ts";
import { weightsHash } from "../../src/node/chain/subtensor/weights-writer.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { signerOf, someHotkey } from "../compliance/chain-client.ts";
import { NETUID } from "../support/subtensor-calls.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { METADATA, SPEC } from "../support/subtensor-ledger.ts";
import { metadataWith } from "../support/subtensor-metadata.ts";
import { timelockOpen } from "../support/timelock-opener.ts";

const ROUND_1000 = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
const round1000 = (QUICKNET.genesisSeconds + 1000 * QUICKNET.periodSeconds) * 1000;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.of({ ...SPEC, genesis: `0x${"11".repeat(32)}` }, METADATA);
});

/** A chain whose time is such that the next commit is sealed for round 1000. */
function setTime(kit: SubtensorKit, firstReveal: number) {
  const now = round1000 - (firstReveal + 3 - kit.ledger.head.number) * kit.ledger.options.blockMs;
  kit.ledger.set("timestamp.now", [], now);
  return { ...systemClock, now: () => now + 5_000 };
}

test("with commit-reveal a row is sealed for the reveal epoch's drand round, and opens to what was asked", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, one, other] = [kit.neuron(100), kit.neuron(), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  kit.ledger.set("subtensorModule.weightsVersionKey", [NETUID], 9);
  // Tempo 20: (11 + 451) / 21 lies in epoch 22, and 23 · 21 − 451 = 32.
  const client = kit.connect({ clock: setTime(kit, 32) });
  const weights = new Map([
    [one.uid, 1],
    [other.uid, 0.5],
  ]);
  const submission = await client.setWeights(validator.hotkey, weights);
  expect(submission).toMatchObject({ path: "timelock", revealBlock: 32, revealBlocks: 21 });
  const [written] = kit.written();
  expect(written).toMatchObject({
    name: "subtensorModule.commitTimelockedWeights",
    args: { netuid: NETUID, reveal_round: 1000, commit_reveal_version: 4 },
  });
  const sealed = Buffer.from(String(written?.args["commit"]).slice(2), "hex");
  const opened = timelockOpen(sealed, ROUND_1000);
  const key = decodeHotkey(validator.hotkey) ?? [];
  const bytes = [0x80, ...key, 8, one.uid, 0, other.uid, 0, 8, 0xff, 0xff, 0x00, 0x80, 9, 0, 0, 0, 0, 0, 0, 0];
  expect([...opened]).toEqual(bytes);
  expect(await client.readBack(submission)).toBe("waiting");
  kit.ledger.produce(26);
  expect(await client.readBack(submission)).toBe("waiting");
  kit.ledger.set("subtensorModule.weights", [NETUID, validator.uid], [...submission.row]);
  kit.ledger.produce(3);
  expect(await client.readBack(submission)).toBe("counts");
  kit.ledger.set("subtensorModule.weights", [NETUID, validator.uid], []);
  kit.ledger.produce(30);
  expect(await client.readBack(submission)).toBe("lost");
});

test("a runtime that keeps account of its epochs is asked for the last one", async () => {
  // Two items of the same shape lend their places to the two that newer runtimes have.
  const metadata = metadataWith({ SubnetAlphaOut: "LastEpochBlock" });
  await using kit = await SubtensorKit.start({ metadata });
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  kit.ledger.set("subtensorModule.lastEpochBlock", [NETUID], 7);
  const client = kit.connect({ clock: setTime(kit, 27) });
  const submission = await client.setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  expect(submission).toMatchObject({ path: "timelock", revealBlock: 27 });
  expect(kit.written()[0]?.args).toMatchObject({ reveal_round: 1000 });
});

test("on a chain of faster blocks the round comes sooner", async () => {
  await using kit = await SubtensorKit.start({ blockMs: 250 });
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  await kit.connect({ clock: setTime(kit, 32) }).setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  expect(kit.written()[0]?.args).toMatchObject({ reveal_round: 1000 });
});

test("a row goes the other way when the owner switches commit-reveal in between", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.beforeCall = () => kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  const submission = await kit.connect().setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  expect(submission.path).toBe("timelock");
  expect(kit.written().map(({ name }) => name)).toEqual([
    "subtensorModule.setWeights",
    "subtensorModule.commitTimelockedWeights",
  ]);
});

test("a subnet without epochs takes no commit", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  kit.ledger.set("subtensorModule.tempo", [NETUID], 0);
  const refused = kit.connect().setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  await expect(refused).rejects.toMatchObject({ code: "CHAIN_NO_EPOCH" });
  expect(kit.ledger.taken).toHaveLength(0);
});

test("a hash commit is over hotkey, netuid, row, salt and version", () => {
  const hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
  const parts = (version: number) => [hotkey, 450, [1, 2], [65_535, 7], [1, 2, 3], version];
  expect(weightsHash(runtime, parts(0))).toMatch(/^0x[0-9a-f]{64}$/);
  expect(weightsHash(runtime, parts(0))).not.toBe(weightsHash(runtime, parts(1)));
});

const withoutTimelock = () => metadataWith({ commit_timelocked_weights: "xommit_timelocked_weights" });

test("without timelocked commits a hash is committed to, and revealed in its window", async () => {
  await using kit = await SubtensorKit.start({ metadata: withoutTimelock(), inclusion: "next" });
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  let kept = "";
  kit.ledger.beforeCall = () => {
    kept = kit.journalText(validator.hotkey);
  };
  const client = kit.connect();
  const submission = await client.setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  expect(submission.path).toBe("hash");
  const hash = kit.written()[0]?.args["commit_hash"];
  expect(kit.written()[0]).toMatchObject({ name: "subtensorModule.commitWeights", args: { netuid: NETUID } });
  // It was on disk before the chain heard of it.
  expect(kept).toContain(String(hash));
  const revealed = kit.ledger.nextCall("revealWeights");
  kit.ledger.produce(1);
  await revealed;
  expect(kit.written()[1]?.args).toMatchObject({ uids: [miner.uid], values: [65_535] });
  expect(kit.ledger.get("subtensorModule.weights", [NETUID, validator.uid])).toEqual([[miner.uid, 65_535]]);
});

test("what a process that died committed to is revealed by the next one", async () => {
  await using kit = await SubtensorKit.start({ metadata: withoutTimelock(), inclusion: "next" });
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  const first = kit.connect();
  await first.setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  await first[Symbol.asyncDispose]();
  kit.ledger.produce(4);
  // Who holds another key leaves them alone, and who asks for none signs none.
  const stranger = someHotkey();
  await using other = kit.connect({ signerOf: () => signerOf(stranger) });
  await other.head();
  const revealed = kit.ledger.nextCall("revealWeights");
  kit.connect();
  await revealed;
  expect(kit.ledger.decode(kit.ledger.taken[1] ?? "").signer.toString()).toBe(validator.hotkey);
  expect(kit.ledger.get("subtensorModule.weights", [NETUID, validator.uid])).toEqual([[miner.uid, 65_535]]);
  expect(JSON.parse(kit.journalText(validator.hotkey))).toMatchObject({
    commits: [{ uids: [miner.uid], netuid: NETUID }],
  });
});

test("a journal that cannot be read stops the commit", async () => {
  await using kit = await SubtensorKit.start({ metadata: withoutTimelock(), inclusion: "next" });
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  kit.spoilJournal(validator.hotkey);
  const refused = kit.connect().setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  await expect(refused).rejects.toMatchObject({ code: "CHAIN_JOURNAL_INVALID" });
  expect(kit.ledger.taken).toHaveLength(0);
});
