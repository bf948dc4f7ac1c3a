import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { localChainMigrations } from "../../src/node/chain/local/local-chain-schema.ts";
import { openChain } from "../../src/node/chain/open-chain.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { chainClientCompliance, someHotkey } from "../compliance/chain-client.ts";

const settings = {
  blocks: "stepped",
  blockMs: 12_000,
  finalityLag: 3,
  historyBlocks: 32,
  weightsInterval: 5,
} as const;

chainClientCompliance("LocalChain", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-chain-"));
  const open = () => new LocalChain({ path: join(folder, "chain.db"), settings });
  // Another opener of the file: what it does reaches the clients as another process's doing would.
  const owner = open();
  let seed = 0;
  return {
    ...settings,
    connect: open,
    produce: (blocks) => owner.step(blocks),
    stake: (hotkey, tao) => owner.stake(hotkey, tao),
    reorg: (depth) => owner.reorg({ depth, seed: seed++, include: "none" }),
    [Symbol.asyncDispose]: async () => {
      await owner[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-chain-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("blocks follow the clock, twelve seconds each, and are never taken back", async () => {
  let now = 1_000_000;
  const clock = { now: () => now, sleep: async () => undefined };
  await using chain = new LocalChain({ path: join(folder, "chain.db"), clock });
  expect((await chain.head()).number).toBe(0);
  now += 11_999;
  expect((await chain.head()).number).toBe(0);
  now += 1;
  const first = await chain.head();
  expect(first.number).toBe(1);
  const expected = createHash("sha256")
    .update(`${await chain.identity()}:1`)
    .digest("hex");
  expect(first.hash).toBe(`0x${expected}`);
  now -= 60_000;
  expect(await chain.head()).toEqual(first);
});

test("identity, genesis and uids are kept in the file", async () => {
  let now = 5_000;
  const clock = { now: () => now, sleep: async () => undefined };
  const open = () => new LocalChain({ path: join(folder, "chain.db"), clock });
  const [hotkey, coldkey] = [someHotkey(), someHotkey()];
  let identity: string;
  {
    await using chain = open();
    identity = await chain.identity();
    await chain.register(someHotkey(), coldkey);
    expect(await chain.register(hotkey, coldkey)).toBe(1);
  }
  now += 24_000;
  await using chain = open();
  expect(identity).toMatch(/^local:[0-9a-f]{32}$/);
  expect(await chain.identity()).toBe(identity);
  expect((await chain.head()).number).toBe(2);
  expect(await chain.uidOf(hotkey)).toBe(1);
});

test("ENGRAM_CHAIN=local opens the chain of the data folder; other values say what is available", async () => {
  await using chain = openChain("local", folder);
  await using same = new LocalChain({ path: join(folder, "chain.db") });
  expect(await chain.identity()).toBe(await same.identity());
  expect(() => openChain("nowhere", folder)).toThrowError(
    expect.objectContaining({ code: "CHAIN_UNKNOWN", fix: expect.stringContaining("local") }),
  );
});

test("a chain made before it had blocks keeps its identity, neurons and axons", async () => {
  const path = join(folder, "chain.db");
  const coldkey = someHotkey();
  const hotkeys = [someHotkey(), someHotkey()];
  const { "001-local-chain": first = [] } = localChainMigrations;
  const old = await openDatabase(path, { "001-local-chain": first });
  old.prepare("INSERT INTO genesis VALUES (0, 'local:old', 5000)").run();
  const insert = old.prepare("INSERT INTO neuron VALUES (?, ?, ?, ?)");
  for (const [uid, hotkey] of hotkeys.entries()) insert.run(uid, hotkey, coldkey, uid === 1 ? "http://a:1" : null);
  old.close();
  await using chain = new LocalChain({ path, settings });
  expect(await chain.genesis()).toMatchObject({ identity: "local:old", at: 5_000, blocks: "clock", finalityLag: 0 });
  expect((await chain.metagraph()).neurons).toMatchObject([
    { uid: 0, hotkey: hotkeys[0], coldkey, endpoint: null },
    { uid: 1, hotkey: hotkeys[1], coldkey, endpoint: "http://a:1" },
  ]);
  expect(await chain.register(someHotkey(), coldkey)).toBe(2);
});

test("what was replaced before the kept history leaves the file", async () => {
  const path = join(folder, "chain.db");
  {
    await using chain = new LocalChain({ path, settings });
    const hotkey = someHotkey();
    await chain.register(hotkey, hotkey);
    for (let block = 0; block < 100; block += 1) {
      await chain.serveAxon(hotkey, `http://127.0.0.1:${1_000 + block}`);
      await chain.step();
    }
    const { number } = await chain.head();
    const endpointAt = async (at: number) => (await chain.metagraph(at)).neurons[0]?.endpoint;
    expect(await endpointAt(number - settings.historyBlocks)).toBe(
      `http://127.0.0.1:${1_100 - settings.historyBlocks}`,
    );
    expect(await endpointAt(number)).toBe("http://127.0.0.1:1099");
  }
  const database = await openDatabase(path, localChainMigrations);
  const rows = database.prepare("SELECT count(*) FROM fact").pluck().get() as number;
  const calls = database.prepare("SELECT count(*) FROM call").pluck().get() as number;
  database.close();
  expect(rows).toBeGreaterThan(settings.historyBlocks);
  expect(rows).toBeLessThanOrEqual(settings.historyBlocks + 3);
  expect(calls).toBeLessThanOrEqual(settings.finalityLag + 2);
});

test("the clock moves head and finality, and tells how long weights have to wait", async () => {
  let now = 0;
  const clock = { now: () => now, sleep: async () => undefined };
  const clocked = { ...settings, blocks: "clock" } as const;
  await using chain = new LocalChain({ path: join(folder, "chain.db"), clock, settings: clocked });
  const hotkey = someHotkey();
  await chain.register(hotkey, hotkey);
  await chain.stake(hotkey, 1);
  await chain.setWeights(hotkey, new Map([[0, 1]]));
  const numbers = async () => [(await chain.head()).number, (await chain.finalized()).number];
  // What is written at once must not be final at once.
  expect(await numbers()).toEqual([1, 0]);
  expect((await chain.metagraph()).neurons).toEqual([]);
  now = 36_000;
  expect(await numbers()).toEqual([4, 1]);
  const early = chain.setWeights(hotkey, new Map([[0, 1]]));
  await expect(early).rejects.toMatchObject({ code: "CHAIN_RATE_LIMIT", retryAfterMs: 24_000 });
  now = 48_000;
  expect(await numbers()).toEqual([5, 2]);
  await expect(chain.step()).rejects.toMatchObject({ code: "CHAIN_CLOCK_DRIVEN" });
  now = 60_000;
  await chain.setWeights(hotkey, new Map([[0, 1]]));
});

test("permits go to the 64 with the most stake, and each one's weights count by its stake", async () => {
  await using chain = new LocalChain({ path: join(folder, "chain.db"), settings });
  const coldkey = someHotkey();
  const hotkeys = Array.from({ length: 66 }, someHotkey);
  for (const hotkey of hotkeys) await chain.register(hotkey, coldkey);
  for (const [uid, hotkey] of hotkeys.entries()) await chain.stake(hotkey, uid === 65 ? 3 : 1);
  const neuronsNow = async () => (await chain.metagraph((await chain.head()).number)).neurons;
  // Of equals the one with the lower uid goes first.
  expect((await neuronsNow()).flatMap(({ uid, validatorPermit }) => (validatorPermit ? [] : [uid]))).toEqual([63, 64]);
  const [first, last] = [hotkeys[0], hotkeys[65]];
  if (!first || !last) throw new Error("no hotkeys");
  await chain.setWeights(first, new Map([[1, 1]]));
  await chain.setWeights(
    last,
    new Map([
      [1, 1],
      [2, 1],
    ]),
  );
  const incentives = (await neuronsNow()).map(({ incentive }) => incentive);
  expect(incentives.slice(0, 4)).toEqual([0, 0.625, 0.375, 0]);
  await chain.stake(last, 0);
  expect((await neuronsNow()).map(({ incentive }) => incentive).slice(0, 4)).toEqual([0, 1, 0, 0]);
});

test("a stake or a step that is none is refused", async () => {
  await using chain = new LocalChain({ path: join(folder, "chain.db"), settings });
  for (const tao of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await expect(chain.stake(someHotkey(), tao)).rejects.toMatchObject({ code: "CHAIN_STAKE_INVALID" });
  }
  for (const count of [0, -1, 0.5, 1e9]) {
    await expect(chain.step(count)).rejects.toMatchObject({ code: "CHAIN_STEP_INVALID" });
  }
  await chain.step(5);
  for (const depth of [0, -1, 0.5, 4]) {
    await expect(chain.reorg({ depth, seed: 1 })).rejects.toMatchObject({ code: "CHAIN_REORG_DEPTH" });
  }
  expect((await chain.reorg({ depth: 3, seed: 1 })).head.number).toBe(6);
});
