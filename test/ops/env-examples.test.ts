import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { engram, temporaryFolder } from "../cli/engram.ts";
import { MinerChild } from "./miner-child.ts";
import { configurations, variablesOf } from "./read-variables.ts";

const exampleOf = (name: string) => readFile(new URL(`../../ops/env/${name}.env.example`, import.meta.url), "utf8");

/** The example with what it shows as defaults set. */
const spelledOut = (text: string) => text.replace(/^#(?=[A-Z])/gm, "");

test.each(configurations)(
  "the %s's example names every variable it reads, and no other",
  async (name, read, elsewhere) => {
    const named = Object.keys(parseEnv(spelledOut(await exampleOf(name))));
    const expected = [...variablesOf(read)].filter((variable) => !elsewhere.includes(variable));
    expect(named.sort()).toEqual(expected.sort());
    expect(named.length).toBeGreaterThan(10);
  },
);

test.each(configurations)("the defaults in the %s's example are those it has", async (name, read) => {
  const text = await exampleOf(name);
  const set = (all: Readonly<Record<string, string | undefined>>) =>
    read(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")));
  expect(set(parseEnv(spelledOut(text)))).toEqual(set(parseEnv(text)));
});

test.each(configurations)(
  "the %s's example has no comment behind a value, which systemd takes for a part of it",
  async (name) => {
    const lines = (await exampleOf(name)).split("\n").filter((line) => line !== "");
    for (const line of lines) expect(line).toMatch(/^(# .*|#?[A-Z][A-Z0-9_]*=[^#\s]*)$/);
  },
);

test("a miner's variables come from its .env, beneath those it is started with, and are never shown", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-env-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "miner.env");
  await writeFile(file, "ENGRAM_CHAIN=local\nMINER_PORT=s3cret\nENGRAM_ADMIN_TOKEN=t0ken\nENGRAM_LOG_LEVEL=info\n");
  await chmod(file, 0o644);
  const home = await temporaryFolder();
  const miner = (...args: string[]) => engram(home, ["miner", "--env-file", file, ...args]);
  const refused = await miner();
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/MINER_PORT must be a number; ENGRAM_ADMIN_TOKEN must have at least 32 characters/);
  expect(refused.stderr).toContain("every user of this machine can read the environment file");
  expect(refused.stderr).not.toMatch(/s3cret|t0ken/);
  const started = await engram(home, ["miner", "--env-file", file], "", { MINER_PORT: "0" });
  expect(started.stderr).not.toContain("MINER_PORT");
  const without = await engram(home, ["miner"], "", { ENV_FILE: devNull });
  expect(without.stderr).toContain("a miner must be told its chain");
  const missing = await engram(home, ["miner"], "", { ENV_FILE: join(folder, "none.env"), ENGRAM_CHAIN: "local" });
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).toContain("ENV_FILE_UNREADABLE");
});

test("a miner reads the .env of its working directory, and says where others reach it", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, ".env"), "ENGRAM_MINER_URL=https://miner.example.org\nMINER_PORT=1\n", { mode: 0o600 });
  // Its port is what it was started with, not the file's.
  await using miner = await MinerChild.start(folder, { MINER_PORT: "0" });
  const health = await (await fetch(`${miner.url}/health`)).json();
  expect(health).toMatchObject({ status: "ok", caps: { endpoint: "https://miner.example.org" } });
});
