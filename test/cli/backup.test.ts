import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { engram, engramJson, errorOf, temporaryFolder } from "./engram.ts";

test("engram backup copies a home, verifies the copy, and the copy is a home", async () => {
  const folder = await temporaryFolder();
  const [home, copy] = [join(folder, "home"), join(folder, "copy")];
  await engramJson(home, ["store", "Mara likes tea"]);
  expect(await engramJson(home, ["backup", copy, "--with-keys"])).toMatchObject({ keys: 2, keys_left_out: 0 });
  expect(await engramJson(home, ["backup", "--verify", copy])).toMatchObject({ ok: true });
  const refused = await engram(home, ["backup", copy, "--json"]);
  expect(refused.code).not.toBe(0);
  expect(errorOf(refused)).toMatchObject({ code: "BACKUP_TARGET", fix: expect.any(String) });
  const { hits } = await engramJson<{ hits: { text: string }[] }>(copy, ["query", "tea"]);
  expect(hits.map(({ text }) => text)).toEqual(["Mara likes tea"]);

  const chain = join(copy, "chain.db");
  await writeFile(chain, (await readFile(chain)).subarray(1));
  const spoiled = await engram(home, ["backup", "--verify", copy]);
  expect(spoiled).toMatchObject({ code: 1, stdout: expect.stringContaining("chain.db has") });
});
