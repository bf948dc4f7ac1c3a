import { join } from "node:path";
import { expect, test } from "vitest";
import { HttpLocalChain } from "../../src/node/chain/local/http-local-chain.ts";
import { servedLocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { serveLocalChain } from "../../src/node/chain/local/serve-local-chain.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { engram, errorOf, temporaryFolder } from "../cli/engram.ts";
import { signerOf, someHotkey } from "../compliance/chain-client.ts";

test("whoever runs a served chain steps it, stakes on it and replaces blocks from the command line", async () => {
  const home = await temporaryFolder();
  await using served = await serveLocalChain({
    folder: join(home, "chain"),
    hostname: "127.0.0.1",
    port: 0,
    settings: { ...servedLocalChainSettings, blocks: "stepped" },
    clock: systemClock,
    logger: createLogger({ level: "silent" }),
  });
  await using client = new HttpLocalChain({ url: served.url, signerOf });
  const hotkey = someHotkey();
  await client.register(hotkey, hotkey);
  const chain = async (...args: readonly string[]) => {
    const outcome = await engram(home, ["chain", ...args, "--json"], "", { ENGRAM_CHAIN: served.setting });
    return outcome.code === 0 ? JSON.parse(outcome.stdout) : errorOf(outcome);
  };
  expect(await chain("stake", hotkey, "7.5")).toMatchObject({ hotkey, stakeTao: 7.5 });
  expect(await chain("step", "4")).toEqual({ head: await client.head() });
  const before = await client.head();
  expect(await chain("reorg", "2", "--seed", "9")).toMatchObject({ head: { number: before.number }, dropped: 0 });
  expect((await client.head()).hash).not.toBe(before.hash);
  expect(await chain("status")).toEqual({
    identity: served.identity,
    head: await client.head(),
    finalized: await client.finalized(),
    neurons: [expect.objectContaining({ uid: 0, hotkey, stakeTao: 7.5, validatorPermit: true })],
  });
  expect(await chain("reorg", "4")).toMatchObject({ code: "CHAIN_REORG_DEPTH" });
  expect(await chain("stake", "5Fake", "1")).toMatchObject({ code: "USAGE" });
});

test("a chain nobody serves is an unreachable one, and a chain of the data folder follows the clock", async () => {
  const home = await temporaryFolder();
  const lost = await engram(home, ["chain", "status", "--json"], "", { ENGRAM_CHAIN: "local:http://127.0.0.1:1" });
  expect([lost.code, errorOf(lost).code]).toEqual([4, "CHAIN_UNREACHABLE"]);
  const step = await engram(home, ["chain", "step", "--json"]);
  expect([step.code, errorOf(step).code]).toEqual([1, "CHAIN_CLOCK_DRIVEN"]);
  const { code } = await engram(home, ["chain", "--port", "70000"]);
  expect(code).toBe(2);
});
