import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { engram, engramJson, errorOf, type Outcome, temporaryFolder } from "./engram.ts";

const PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const OTHER = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above";

function expectNoPhrase(outcomes: readonly Outcome[]): void {
  for (const { stdout, stderr } of outcomes) expect(stdout + stderr).not.toMatch(/sausage|winner|absurd|acoustic/);
}

test("a phrase is imported from standard input, kept, and never printed", async () => {
  const home = join(await temporaryFolder(), "home");
  const imported = await engram(home, ["wallet", "import", "--json"], `  ${PHRASE.toUpperCase()}\n`);
  expect(imported.code).toBe(0);
  const { hotkey } = JSON.parse(imported.stdout) as { hotkey: string };
  expect(await engramJson(home, ["wallet", "show"])).toEqual({ hotkey, backup: "made" });

  const other = await engram(home, ["wallet", "import", "--json"], OTHER);
  expect([other.code, errorOf(other).code]).toEqual([3, "WALLET_EXISTS"]);
  const bad = await engram(home, ["wallet", "import", "--json"], PHRASE.replace("yellow", "zebra"));
  expect([bad.code, errorOf(bad).code]).toEqual([2, "PHRASE_INVALID"]);
  const argument = await engram(home, ["wallet", "import", ...PHRASE.split(" ")]);
  expect(argument.code).toBe(2);
  const piped = await engram(home, ["wallet", "backup"]);
  expect(piped).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("NEEDS_TERMINAL") });
  const status = await engram(home, ["status"]);
  expect(status.stdout).toContain(hotkey);
  expectNoPhrase([imported, other, bad, argument, piped, status]);
});

test("a new wallet says that it has no backup, and its secret stays in one private file", async () => {
  const home = join(await temporaryFolder(), "home");
  const shown = await engram(home, ["wallet", "show"]);
  expect(shown.stdout).toContain("never made");
  const files = (await readdir(home, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const contents = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8")));
  const secrets = contents.flatMap((content) => /"secretPhrase":"([a-z ]+)"/.exec(content)?.[1] ?? []);
  expect(secrets).toHaveLength(1);
  expect(shown.stdout + shown.stderr).not.toContain(secrets[0]);
});
