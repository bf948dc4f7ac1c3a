import { join } from "node:path";
import { expect, test } from "vitest";
import { TcpMiners } from "../support/tcp-miners.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

const PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow";

test("the phrase and the miners bring the memories back, and the command waits for their vectors", async () => {
  await using miners = await TcpMiners.start(1);
  const more = { ENGRAM_MINERS: miners.list };
  const [lost, fresh] = [join(await temporaryFolder(), "home"), join(await temporaryFolder(), "home")];
  expect((await engram(lost, ["wallet", "import"], PHRASE, more)).code).toBe(0);
  expect((await engram(lost, ["store", "Otto prefers green tea"], "", more)).code).toBe(0);

  const restored = await engram(fresh, ["restore", "--json"], PHRASE, more);
  expect(restored).toMatchObject({ code: 0, stderr: expect.not.stringContaining("Warning") });
  expect(JSON.parse(restored.stdout)).toMatchObject({ memories: 1, namespaces: 1 });
  expect(JSON.parse((await engram(fresh, ["status", "--json"])).stdout)).toMatchObject({ awaitingVectors: 0 });
});

test("restoring without a miner says what to do", async () => {
  const refused = await engram(join(await temporaryFolder(), "home"), ["restore", "--json"], PHRASE);
  expect([refused.code, errorOf(refused).code]).toEqual([4, "MINERS_UNREACHABLE"]);
  expect(errorOf(refused).fix).toContain("ENGRAM_MINERS");
});

test("no help offers to take the phrase as an argument, and one given so is refused unprinted", async () => {
  const home = join(await temporaryFolder(), "home");
  const [all, wallet] = [await engram(home, ["--help"]), await engram(home, ["wallet", "--help"])];
  expect(all.stdout + wallet.stdout).not.toContain("[words...]");
  const refused = await engram(home, ["restore", ...PHRASE.split(" ")]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("never given as an argument") });
  expect(refused.stderr).not.toContain("sausage");
});
