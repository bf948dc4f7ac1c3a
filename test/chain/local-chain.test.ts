import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { openChain } from "../../src/node/chain/open-chain.ts";
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
  expect(() => openChain("finney", folder)).toThrowError(
    expect.objectContaining({ code: "CHAIN_UNKNOWN", fix: expect.stringContaining("local") }),
  );
});
