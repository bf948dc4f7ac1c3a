import { expect, test } from "vitest";
import { TcpMiners } from "../support/tcp-miners.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

test("memories are proved by id and altogether, and a copy nobody shows fails the command", async () => {
  await using miners = await TcpMiners.start(2);
  const home = await temporaryFolder();
  const run = (...args: readonly string[]) => engram(home, args, "", { ENGRAM_MINERS: miners.list });
  const stored = await run("store", "Ada prefers tea", "--json");
  const { id } = (JSON.parse(stored.stdout) as { stored: readonly { id: string }[] }).stored[0] ?? { id: "" };
  const proved = await run("verify", id, "--json");
  expect([proved.code, proved.stderr]).toEqual([0, ""]);
  expect(JSON.parse(proved.stdout)).toMatchObject({ ok: true, counts: { held: 2 }, missing: [] });
  const all = await run("verify", "--all");
  expect(all).toMatchObject({ code: 0, stdout: expect.stringMatching(/held +proof2/) });
  await miners.stop(0);
  const silent = await run("verify", id);
  expect(silent).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/2 copies: (?:1 held, 1 silent|1 silent, 1 held)/),
  });
  const unknown = await run("verify", "m_aaaaaaaaaaaaaaaa");
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("m_aaaaaaaaaaaaaaaa: no memory") });
  for (const args of [
    ["verify", "--json"],
    ["verify", id, "--all", "--json"],
  ]) {
    const wrong = await run(...args);
    expect([wrong.code, errorOf(wrong).code]).toEqual([2, "USAGE"]);
  }
}, 60_000);
