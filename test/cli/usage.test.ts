import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

const COMMANDS =
  "mcp miner store query get list delete namespaces import export restore status doctor wallet approve".split(" ");

test("the help names every command and every exit code", async () => {
  const { code, stdout, stderr } = await engram(await temporaryFolder(), ["--help"]);
  expect([code, stderr]).toEqual([0, ""]);
  for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b.* {2,}\\S`, "m"));
  for (const exit of [0, 1, 2, 3, 4, 130]) expect(stdout).toMatch(new RegExp(`^  ${exit} +\\S`, "m"));
});

test("a reader of the help may leave before its end", async () => {
  const launcher = new URL("../../bin/engram.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [launcher, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect([said, code]).toEqual(["", 0]);
});

test("what is not understood is refused with a suggestion, before anything is opened", async () => {
  const home = join(await temporaryFolder(), "home");
  const unknown = await engram(home, ["stroe", "text"]);
  expect(unknown).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Did you mean store?") });
  const option = await engram(home, ["query", "x", "--limt", "3", "--json"]);
  expect(option.code).toBe(2);
  expect(errorOf(option)).toMatchObject({ code: "USAGE", message: expect.stringContaining("--limit") });
  const value = await engram(home, ["query", "x", "--limit", "none"]);
  expect(value).toMatchObject({ code: 2, stderr: expect.stringContaining("a whole number from 1") });
  const both = await engram(home, ["delete", "m_aaaaaaaaaaaaaaaa", "--namespace", "main", "--json"]);
  expect([both.code, errorOf(both).code]).toEqual([2, "USAGE"]);
});

test("an empty text is refused with what to do", async () => {
  const home = join(await temporaryFolder(), "home");
  const empty = await engram(home, ["store", "--json"], " \n");
  expect(empty).toMatchObject({ code: 2, stdout: "" });
  expect(errorOf(empty).fix).toContain("engram store");
});
