import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { engram, engramJson, temporaryFolder } from "./engram.ts";

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));

/** What is offered behind `line`, as fish reads it: a name and its description. */
async function offered(home: string, line: string): Promise<readonly string[]> {
  const { stdout } = await engram(home, ["completion-server", "--", ...line.split(" ")], "", {
    ...{ COMP_CWORD: "1", COMP_LINE: line, COMP_POINT: String(line.length), SHELL: "fish" },
  });
  return stdout.split("\n").filter((name) => name !== "");
}

test("commands, options and choices are offered, and a tab makes no wallet", async () => {
  const home = join(await temporaryFolder(), "home");
  const commands = await offered(home, "engram ");
  expect(commands).toContain("store\tremember a text");
  expect(commands.some((name) => name.startsWith("completion-server"))).toBe(false);
  expect(await offered(home, "engram wallet ")).toContain("show\tshow the hotkey and whether its phrase was backed up");
  expect((await offered(home, "engram query x --")).map((name) => name.split("\t")[0])).toContain("--mode");
  expect(await offered(home, "engram query x --mode ")).toEqual(["hybrid", "semantic", "keyword"]);
  expect(await offered(home, "engram list -n ")).toEqual([]);
  expect(await offered(home, "engram import ")).toEqual(["__tabtab_complete_files__"]);
  await expect(readdir(home)).rejects.toMatchObject({ code: "ENOENT" });
});

test("namespaces and ids of the data folder are offered", async () => {
  const home = await temporaryFolder();
  const { stored } = await engramJson<{ stored: { id: string }[] }>(home, [
    "store",
    "tea\n\u202eleaves",
    "-n",
    "trips",
  ]);
  expect(await offered(home, "engram query tea -n ")).toEqual(["trips\t1 memory"]);
  expect(await offered(home, "engram get ")).toEqual([`${stored[0]?.id}\ttea leaves`]);
  expect(await offered(home, `engram list --home ${home}-other -n `)).toEqual([]);
});

test("bash completes by the script it is given", async () => {
  const home = await temporaryFolder();
  const { stdout: script } = await engram(home, ["completion", "bash"]);
  const command = join(home, "engram");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${launcher}" "$@"\n`);
  await chmod(command, 0o755);
  const ask = `${script}
COMP_WORDS=(engram wal); COMP_CWORD=1; COMP_LINE="engram wal"; COMP_POINT=10
_engram_completion
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { PATH = "" } = process.env;
  const child = spawn("bash", ["--norc", "-c", ask], { env: { PATH: `${home}:${PATH}`, ENGRAM_HOME: home } });
  const [said] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(said).toBe("wallet\n");
});
