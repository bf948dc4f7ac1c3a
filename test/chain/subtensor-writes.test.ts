import { expect, test } from "vitest";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { decodeHotkey, type Hotkey } from "../../src/crypto/ss58.ts";
import { callHex } from "../../src/node/chain/subtensor/extrinsic.ts";
import { someHotkey } from "../compliance/chain-client.ts";
import { NETUID } from "../support/subtensor-calls.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { SubtensorLedger } from "../support/subtensor-ledger.ts";

const hex = (hotkey: Hotkey) => Buffer.from(decodeHotkey(hotkey) ?? []).toString("hex");

test("every call is encoded as the runtime reads it", async () => {
  const { runtime } = await SubtensorLedger.create();
  const hotkey = someHotkey();
  const module = (name: string, args: object) =>
    callHex(runtime, { pallet: "subtensorModule", name, args: { ...args } });
  const netuid = 450;
  expect(module("burnedRegister", { netuid, hotkey })).toBe(`0x0707c201${hex(hotkey)}`);
  const axon = {
    netuid,
    version: 1,
    ip: 0x08080808n,
    port: 8091,
    ipType: 4,
    protocol: 4,
    placeholder1: 0,
    placeholder2: 0,
  };
  expect(module("serveAxon", axon)).toBe(`0x0704c2010100000008080808${"00".repeat(12)}9b1f04040000`);
  expect(module("setWeights", { netuid, dests: [0, 2], weights: [1000, 65_535], versionKey: 7n })).toBe(
    "0x0700c2010800000200" + "08e803ffff" + "0700000000000000",
  );
  const sealed = { netuid, commit: "0xabcdef", revealRound: 1000, commitRevealVersion: 4 };
  expect(module("commitTimelockedWeights", sealed)).toBe("0x0771c2010cabcdefe8030000000000000400");
  expect(module("commitWeights", { netuid, commitHash: `0x${"ab".repeat(32)}` })).toBe(`0x0760c201${"ab".repeat(32)}`);
  const reveal = { netuid, uids: [1], values: [65_535], salt: [1, 2], versionKey: 0n };
  expect(module("revealWeights", reveal)).toBe("0x0761c201040100" + "04ffff" + "0801000200" + "0000000000000000");
  const info = { fields: [{ Raw3: "0x010203" }] };
  expect(callHex(runtime, { pallet: "commitments", name: "setCommitment", args: { netuid, info } })).toBe(
    "0x1200c2010404010203",
  );
});

test("an extrinsic's bytes and what its signature is over are as the chain lays them out", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "next" });
  const { hotkey } = kit.neuron();
  await kit.connect().setCommitment(hotkey, Uint8Array.of(1, 2, 3));
  const bytes = Buffer.from((kit.ledger.taken[0] ?? "").slice(2), "hex");
  // Its length, version 4 signed, the signer's id, sr25519.
  expect(bytes.subarray(0, 4).toString("hex")).toBe("c5018400");
  expect(bytes.subarray(4, 36).toString("hex")).toBe(hex(hotkey));
  expect(bytes[36]).toBe(1);
  const signature = bytes.subarray(37, 101);
  const call = "1200c2010404010203";
  // An era of 64 blocks from block 7, nonce 0, no tip, no metadata hash.
  const extra = "7500" + "00" + "00" + "00";
  expect(bytes.subarray(101).toString("hex")).toBe(extra + call);
  const [genesis, birth] = [kit.ledger.genesis, kit.ledger.blocks[7]?.hash ?? ""].map((hash) => hash.slice(2));
  const signed = Buffer.from(`${call}${extra}${"7d010000"}${"01000000"}${genesis}${birth}00`, "hex");
  const { verify } = await loadSr25519();
  expect(verify(signature, signed, decodeHotkey(hotkey) ?? new Uint8Array())).toBe(true);
});

test("a call that the runtime lacks, or that wants more, is not made up", async () => {
  const { runtime } = await SubtensorLedger.create();
  const unsupported = expect.objectContaining({ code: "CHAIN_RUNTIME_UNSUPPORTED" });
  const make = (name: string, args: object) => () =>
    callHex(runtime, { pallet: "subtensorModule", name, args: { ...args } });
  expect(make("registerLimit", { netuid: 1 })).toThrow(unsupported);
  expect(make("burnedRegister", { netuid: 1 })).toThrow(unsupported);
});

test("the coldkey registers, and pays no more than was allowed", async () => {
  await using kit = await SubtensorKit.start();
  const [hotkey, coldkey] = [someHotkey(), someHotkey()];
  kit.ledger.set("subtensorModule.burn", [NETUID], 3_000_000_000n);
  await expect(kit.connect().register(hotkey, coldkey)).rejects.toMatchObject({
    code: "CHAIN_PRICE",
    message: "a registration costs 3 TAO now, and 2 TAO are allowed",
  });
  const client = kit.connect({ maxRegistrationTao: 3 });
  expect(await client.register(hotkey, coldkey)).toBe(0);
  expect(kit.written()).toEqual([{ name: "subtensorModule.burnedRegister", args: { netuid: NETUID, hotkey } }]);
  expect(kit.ledger.decode(kit.ledger.taken[0] ?? "").signer.toString()).toBe(coldkey);
  const reader = kit.connect({ signerOf: () => undefined, maxRegistrationTao: 3 });
  await expect(reader.register(someHotkey(), coldkey)).rejects.toMatchObject({ code: "CHAIN_KEY_MISSING" });
  kit.ledger.set("subtensorModule.networkRegistrationAllowed", [NETUID], false);
  const closed = client.register(someHotkey(), coldkey);
  await expect(closed).rejects.toMatchObject({ code: "CHAIN_REGISTRATION_CLOSED" });
  expect(kit.ledger.taken).toHaveLength(1);
});

test("an axon is served once, however often it is asked for, and again when it moved", async () => {
  await using kit = await SubtensorKit.start();
  const { hotkey } = kit.neuron();
  const client = kit.connect();
  await client.serveAxon(hotkey, "http://203.0.113.7:8091");
  await client.serveAxon(hotkey, "http://203.0.113.7:8091");
  expect(kit.written()).toHaveLength(1);
  expect(kit.written()[0]?.args).toMatchObject({ netuid: NETUID, ip: 0xcb007107, port: 8091, ip_type: 4 });
  await client.serveAxon(hotkey, "http://[2001:db8::7]:80");
  expect(kit.written()[1]?.args).toMatchObject({ ip: "0x20010db8000000000000000000000007", port: 80, ip_type: 6 });
  const { neurons } = await client.metagraph((await client.head()).number);
  expect(neurons[0]?.endpoint).toBe("http://[2001:db8::7]:80");
  for (const named of ["http://miner.example:8091", "https://203.0.113.7:8091"]) {
    await expect(client.serveAxon(hotkey, named)).rejects.toMatchObject({ code: "CHAIN_ENDPOINT" });
  }
});

test("without commit-reveal a row is set as it is, and counts at once", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  kit.ledger.set("subtensorModule.weightsVersionKey", [NETUID], 2n ** 60n);
  const client = kit.connect();
  const submission = await client.setWeights(validator.hotkey, new Map([[miner.uid, 0.25]]));
  expect(submission).toMatchObject({ path: "set", uid: validator.uid, revealBlock: null });
  expect(kit.written()).toEqual([
    {
      name: "subtensorModule.setWeights",
      args: { netuid: NETUID, dests: [miner.uid], weights: [65_535], version_key: "0x1000000000000000" },
    },
  ]);
  expect(await client.readBack(submission)).toBe("waiting");
  kit.ledger.produce(3);
  expect(await client.readBack(submission)).toBe("counts");
  kit.ledger.set("subtensorModule.weights", [NETUID, validator.uid], [[miner.uid, 1]]);
  kit.ledger.produce(3);
  expect(await client.readBack(submission)).toBe("lost");
});

test("a row that the chain would drop is refused before anything is signed", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, one, other] = [kit.neuron(100), kit.neuron(), kit.neuron()];
  kit.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  const client = kit.connect();
  const row = (...uids: number[]) => client.setWeights(validator.hotkey, new Map(uids.map((uid) => [uid, 1])));
  kit.ledger.set("subtensorModule.minAllowedWeights", [NETUID], 2);
  await expect(row(one.uid)).rejects.toMatchObject({ code: "CHAIN_WEIGHTS_INVALID" });
  kit.ledger.set("subtensorModule.maxWeightsLimit", [NETUID], 30_000);
  await expect(row(one.uid, other.uid)).rejects.toMatchObject({ code: "CHAIN_WEIGHTS_INVALID" });
  await expect(row(one.uid, 99)).rejects.toMatchObject({ code: "CHAIN_WEIGHTS_INVALID" });
  await expect(client.setWeights(one.hotkey, new Map([[0, 1]]))).rejects.toMatchObject({ code: "CHAIN_NO_PERMIT" });
  const last = kit.ledger.get<number[]>("subtensorModule.lastUpdate", [NETUID]);
  kit.ledger.set("subtensorModule.lastUpdate", [NETUID], last.with(validator.uid, kit.ledger.head.number - 1));
  await expect(row(one.uid)).rejects.toMatchObject({ code: "CHAIN_RATE_LIMIT", retryAfterMs: 4 * 12_000 });
  kit.ledger.set("subtensorModule.lastUpdate", [NETUID], last);
  kit.ledger.set("subtensorModule.maxWeightsLimit", [NETUID], 32_768);
  await row(one.uid, other.uid);
  expect(kit.ledger.taken).toHaveLength(1);
});

test("what a pallet or the pool refuses is named, and says what to do", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  const client = kit.connect();
  const node = kit.nodes[0];
  const write = () => client.setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  for (const [refuse, code] of [
    [{ code: 1010, data: "Custom error: 1" }, "CHAIN_STAKE_LOW"],
    [{ code: 1010, data: "Custom error: 6" }, "CHAIN_RATE_LIMIT"],
    [{ code: 1010, data: "Custom error: 19" }, "CHAIN_NOT_REGISTERED"],
    [{ code: 1010, data: "Inability to pay some fees (e.g. account balance too low)" }, "CHAIN_BALANCE"],
    [{ code: 1012, data: "Transaction is temporarily banned" }, "CHAIN_REFUSED"],
  ] as const) {
    if (node) node.faults.refuse = refuse;
    await expect(write()).rejects.toMatchObject({ code, fix: expect.any(String) });
  }
  expect(kit.ledger.taken).toHaveLength(0);
  // The limit is raised behind the client's back: the pallet has the last word.
  kit.ledger.beforeCall = () => {
    kit.ledger.set("subtensorModule.weightsSetRateLimit", [NETUID], 1_000);
    kit.ledger.set("subtensorModule.lastUpdate", [NETUID], [1, 1]);
  };
  await expect(write()).rejects.toMatchObject({ code: "CHAIN_RATE_LIMIT", reason: "SettingWeightsTooFast" });
  expect(kit.ledger.taken).toHaveLength(1);
});

test("a nonce that another process took, or a signature that is outdated, is made anew", async () => {
  await using kit = await SubtensorKit.start();
  const [validator, miner] = [kit.neuron(100), kit.neuron()];
  const node = kit.nodes[0];
  for (const refuse of [
    { code: 1014, data: "Priority is too low" },
    { code: 1010, data: "Transaction has a bad signature" },
  ]) {
    if (node) node.faults.refuse = refuse;
    await kit.connect().setCommitment(validator.hotkey, Uint8Array.of(1));
  }
  expect(kit.ledger.taken).toHaveLength(2);
  expect(new Set(kit.ledger.taken.map((one) => kit.ledger.decode(one).nonce.toNumber()))).toEqual(new Set([0, 1]));
  expect(miner.uid).toBe(1);
});

test("a node that tells of a transaction before it answers is understood", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "next" });
  const { hotkey } = kit.neuron();
  const node = kit.nodes[0];
  if (node) node.faults.tellsEarly = true;
  expect((await kit.connect().setCommitment(hotkey, Uint8Array.of(1))).number).toBe(11);
  expect(node?.calls.filter((method) => method === "author_submitAndWatchExtrinsic")).toHaveLength(1);
});

test("one key's writes follow each other, and each has its own nonce", async () => {
  await using kit = await SubtensorKit.start({ inclusion: "next" });
  const { hotkey } = kit.neuron();
  const client = kit.connect();
  const blocks = await Promise.all([1, 2, 3, 4].map((byte) => client.setCommitment(hotkey, Uint8Array.of(byte))));
  expect(blocks.map(({ number }) => number)).toEqual([11, 12, 13, 14]);
  kit.ledger.produce(3);
  expect(await client.commitment(hotkey)).toEqual(Uint8Array.of(4));
});
