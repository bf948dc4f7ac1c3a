import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { memoryStore } from "../../src/node/client/store/memory-store.ts";
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
  for (const command of ["get", "delete", "forget"]) {
    expect(await offered(home, `engram ${command} `)).toEqual([`${stored[0]?.id}\ttea leaves`]);
  }
  expect(await offered(home, `engram list --home ${home}-other -n `)).toEqual([]);
});

test("a name that a shell would split, expand or run is never offered", async () => {
  const home = await temporaryFolder();
  await using store = memoryStore(home);
  const plain = ["reise.2026", "team:a/b", "me@home", "हिन्दी_१"];
  const others = "$(touch x)|`x`|*|~|My notes|-x|@x|a;b|a\\nb|it's|a\u3164b|{a,b}|!1".split("|");
  await Promise.all([...plain, ...others].map((name) => store.call("createNamespace", namespaceOf(name))));
  const names = await offered(home, "engram query tea -n ");
  expect(new Set(names.map((one) => one.split("\t")[0]))).toEqual(new Set(plain));
});

test("a command that ends or shares a namespace is offered those that it takes", async () => {
  const home = await temporaryFolder();
  const store = memoryStore(home);
  await store.call("createNamespace", namespaceOf("mine"));
  await store.call("createNamespace", { ...namespaceOf("public"), visibility: "public" });
  const letter = { owner: "5Other", grantId: "g", sealed: "s", epoch: 0, expiresAt: Date.now() + 60_000 };
  await store.call("joinNamespace", { name: "theirs", wireName: "w", ...letter, now: Date.now() });
  await store[Symbol.asyncDispose]();
  for (const command of ["invite", "revoke", "end"]) {
    expect(await offered(home, `engram namespaces ${command} `)).toEqual(["mine\t0 memories"]);
  }
  expect(await offered(home, "engram namespaces leave --json ")).toEqual(["theirs\t0 memories"]);
  expect(await offered(home, "engram namespaces revoke mine ")).toEqual(["__tabtab_complete_files__"]);
  expect(await readdir(home)).toEqual(["memory.db"]);
});

test("a tab leaves a folder as it is where it holds no memories", async () => {
  const home = await temporaryFolder();
  expect(await offered(home, "engram list -n ")).toEqual([]);
  expect(await readdir(home)).toEqual([]);
  await writeFile(join(home, "memory.db"), "");
  expect(await offered(home, `engram get --home ${home} `)).toEqual([]);
  expect(await readdir(home)).toEqual(["memory.db"]);
  expect(await readFile(join(home, "memory.db"), "utf8")).toBe("");
});

test("the script for fish evaluates nothing that is typed", async () => {
  const { stdout } = await engram(await temporaryFolder(), ["completion", "fish"]);
  expect(stdout).toContain(
    '(env DEBUG=" " COMP_CWORD="$words" COMP_LINE="$cmd " COMP_POINT="$cursor" SHELL=fish engram ',
  );
  expect(stdout).not.toContain("eval");
});

test("bash completes by the script it is given", async () => {
  const home = await temporaryFolder();
  await using store = memoryStore(home);
  await store.call("createNamespace", namespaceOf("team:a"));
  const { stdout: script } = await engram(home, ["completion", "bash"]);
  const command = join(home, "engram");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${launcher}" "$@"\n`);
  await chmod(command, 0o755);
  const { PATH = "" } = process.env;
  const ask = async (words: readonly string[], line = words.join(" ")) => {
    const asked = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE=$LINE; COMP_POINT=\${#LINE}
_engram_completion
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: `${home}:${PATH}`, ENGRAM_HOME: home, LINE: line };
    const child = spawn("bash", ["--norc", "-c", asked, "bash", ...words], { env });
    const [said] = await Promise.all([text(child.stdout), once(child, "exit")]);
    return said;
  };
  expect(await ask(["engram", "wal"])).toBe("wallet\n");
  expect(await ask(["engram", "list", "-n", "t"])).toBe("team:a\n");
  // Broken at the colon, as bash alone does it: "team:" would stand there twice.
  expect(await ask(["engram", "list", "-n", "team", ":"], "engram list -n team:")).toBe("\n");
  // Names of files are left to bash, which quotes them.
  expect(await ask(["engram", "import", ""])).toBe("\n");
});

function namespaceOf(name: string) {
  return {
    ...{ name, wireName: `wire of ${name}`, visibility: "private" as const },
    ...{ plainName: false, now: Date.now() },
  };
}
