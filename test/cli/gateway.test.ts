import { join } from "node:path";
import { expect, test } from "vitest";
import { engram, temporaryFolder } from "./engram.ts";

test("engram gateway token, rotate and restore work on a folder named before or behind them", async () => {
  const home = await temporaryFolder();
  const folder = join(home, "elsewhere");
  const run = (...args: string[]) => engram(home, ["gateway", ...args]);
  const added = await run("token", "add", "reader", "--scopes", "feed,payers", "--folder", folder);
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^egr_[\w-]{43}\n$/) });
  expect(await run("--folder", folder, "token", "list")).toMatchObject({ code: 0, stdout: "reader\tfeed,payers\n" });
  expect(await run("token", "list")).toMatchObject({ code: 0, stdout: "" });
  expect((await run("token", "add", "reader", "--folder", folder)).code).toBe(1);
  expect(await run("token", "remove", "reader", "--folder", folder)).toMatchObject({ code: 0 });
  const rotated = await run("rotate", "--folder", folder);
  expect(rotated).toMatchObject({ code: 0, stderr: expect.stringContaining("signs from receipt 1 on") });
  const bad = await run("restore", "a/b", "--folder", folder);
  expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining("INPUT_INVALID") });
  const restored = await run("restore", "after-backup", "--folder", folder);
  expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining("ledger after-backup goes on") });
});
