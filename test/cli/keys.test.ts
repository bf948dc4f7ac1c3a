import { expect, test } from "vitest";
import { TcpMiners } from "../support/tcp-miners.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

test("a key is split, recovered with a miner away, and told about, without a secret on any stream", async () => {
  await using miners = await TcpMiners.start(3);
  const home = await temporaryFolder();
  const run = (...args: readonly string[]) => engram(home, ["keys", ...args], "", { ENGRAM_MINERS: miners.list });
  const split = await run("split", "--threshold", "2", "--json");
  expect(split).toMatchObject({ code: 0, stderr: "" });
  const { fingerprint, wireName } = JSON.parse(split.stdout) as { fingerprint: string; wireName: string };
  expect(JSON.parse(split.stdout)).toMatchObject({ threshold: 2, total: 3, complete: true, independent: false });
  await miners.stop(0);
  const recovered = await run("recover", "--wire-name", wireName);
  expect(recovered).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/2 valid, 2 of 3 needed.*\n.*unreachable/),
  });
  expect(recovered.stdout).toContain(`${fingerprint}, the same as this wallet's`);
  expect((await run("status")).stdout).toMatch(new RegExp(`main +${fingerprint} +2 of 3`));
  await miners.stop(1);
  const failed = await run("recover", "--json");
  expect([failed.code, errorOf(failed).code]).toEqual([1, "KEY_SHARES_TOO_FEW"]);
  const wrong = await run("split", "--threshold", "0", "--json");
  expect(wrong.code).toBe(2);
  for (const { stdout, stderr } of [split, recovered, failed]) {
    // Nothing as long as a secret in hex but the wire name and public hotkeys.
    expect((stdout + stderr).replaceAll(wireName, "")).not.toMatch(/[0-9a-f]{64}/);
  }
});

test("without miners the answer says what to do", async () => {
  const home = await temporaryFolder();
  const outcome = await engram(home, ["keys", "split", "--json"]);
  expect([outcome.code, errorOf(outcome).code]).toEqual([4, "NO_MINERS"]);
  expect(errorOf(outcome).fix).toMatch(/ENGRAM_MINERS/);
});
