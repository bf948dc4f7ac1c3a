import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, test } from "vitest";
import type { Memory } from "../../src/node/client/memory.ts";
import { engram, engramJson, errorOf, temporaryFolder } from "./engram.ts";

const KEPT = ["namespace", "visibility", "text", "speaker", "metadata", "session", "at", "expiresAt"] as const;

function kept(file: string) {
  const memories = file
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Memory);
  return memories.map((memory) => KEPT.map((field) => memory[field]));
}

test("an export imported elsewhere exports the same, and importing it again changes nothing", async () => {
  const folder = await temporaryFolder();
  const [one, other] = [join(folder, "one"), join(folder, "other")];
  const source = [
    { text: "Wir treffen uns um sechs.", speaker: "Jonas", session: "a", at: 1_700_000_000_123, metadata: { n: 1.5 } },
    { text: "two\nlines and a \u0007 bell", session: "b", namespace: "work", expiresAt: Date.now() + 3_600_123 },
    { text: "first of a again", session: "a", metadata: { deep: { list: [1, "x", null, true] } } },
    { text: "明天下午三点", namespace: "work" },
  ];
  await writeFile(join(folder, "in.jsonl"), source.map((line) => JSON.stringify(line)).join("\n"));
  expect(await engramJson(one, ["import", join(folder, "in.jsonl")])).toMatchObject({ stored: 4, failed: 0 });

  const file = join(folder, "out.jsonl");
  expect(await engramJson(one, ["export", file])).toEqual({ exported: 4, file });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const overwrite = await engram(one, ["export", file, "--json"]);
  expect([overwrite.code, errorOf(overwrite).code]).toEqual([3, "FILE_EXISTS"]);

  expect(await engramJson(other, ["import", file])).toMatchObject({ stored: 4, deduped: 0 });
  const second = await engram(other, ["export"]);
  expect(second.code).toBe(0);
  expect(kept(second.stdout)).toEqual(kept(await readFile(file, "utf8")));
  const again = await engramJson<{ badLines: unknown[] }>(other, ["import", file]);
  expect(again).toMatchObject({ stored: 0, deduped: 4, failed: 0 });
});

test("bad lines are named with their numbers, and the rest is stored", async () => {
  const home = join(await temporaryFolder(), "home");
  const lines = ['{"text":"good"}', "oops", '{"text":""}', '{"text":"good too"}'];
  const told = await engram(home, ["import", "-"], lines.join("\n"));
  expect(told.code).toBe(1);
  expect(told.stdout).toContain("2 stored");
  expect(told.stderr).toContain("line 2: the line is not JSON");
  expect(told.stderr).toMatch(/line 3: .+/);
  const missing = await engram(home, ["import", join(home, "nowhere.jsonl"), "--json"]);
  expect([missing.code, errorOf(missing).code]).toEqual([1, "FILE_NOT_FOUND"]);
});

test("the file that the reference memory server writes is imported and recalled", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "memory.jsonl");
  const client = new Client({ name: "test", version: "1.0.0" });
  const server = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-memory/dist/index.js");
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [server],
      env: { MEMORY_FILE_PATH: file },
      stderr: "ignore",
    }),
  );
  const entities = [
    { name: "Jonas", entityType: "person", observations: ["cannot eat walnuts", "bakes carrot cake"] },
    { name: "Mara", entityType: "person", observations: [] },
  ];
  await client.callTool({ name: "create_entities", arguments: { entities } });
  const relations = [{ from: "Jonas", to: "Mara", relationType: "works_for" }];
  await client.callTool({ name: "create_relations", arguments: { relations } });
  await client.close();

  const home = join(folder, "home");
  expect(await engramJson(home, ["import", file, "--namespace", "graph"])).toMatchObject({ stored: 4, failed: 0 });
  const query = ["query", "Whom does Jonas work for?", "--namespace", "graph", "--limit", "1"];
  const { hits } = await engramJson<{ hits: Memory[] }>(home, query);
  expect(hits[0]).toMatchObject({
    text: "Jonas works for Mara",
    metadata: { from: "Jonas", relation: "works_for", to: "Mara" },
  });
});

test("a packed backup of OpenMemory and a folder of notes are imported as they are", async () => {
  const home = await temporaryFolder();
  const packed = join(home, "memories.jsonl.gz");
  await writeFile(packed, gzipSync('{"id":"1","content":"Plays chess","created_at":"2026-03-03T09:12:00"}\n'));
  const notes = join(home, "notes");
  await mkdir(notes);
  await writeFile(join(notes, "tea.md"), "- [taste] Mara takes it without sugar");
  expect(await engramJson(home, ["import", packed])).toMatchObject({ stored: 1, failed: 0 });
  const zip = await engram(home, ["import", "-"], "PK\x03\x04 and so on");
  expect(zip).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^engram: this is a zip file[^\n]*\n {2}unzip it first/),
  });
  const page = { result: { points: [{ id: 1, payload: { document: "Plays go" } }], next_page_offset: 2 } };
  const more = await engram(home, ["import", "-"], JSON.stringify(page));
  expect(more).toMatchObject({ code: 0, stderr: expect.stringContaining("more follow from the offset 2") });
  expect(await engramJson(home, ["import", notes])).toMatchObject({ stored: 1, failed: 0 });
  const { items } = await engramJson<{ items: { text: string }[] }>(home, ["list", "--order", "oldest"]);
  expect(items.map(({ text }) => text)).toEqual(["Plays chess", "Plays go", "tea: Mara takes it without sugar"]);
});

test("a packed file that is cut off or none at all is named as such, and what comes before is stored", async () => {
  const home = await temporaryFolder();
  const whole = gzipSync('{"text":"Plays chess"}\n{"text":"Plays go"}\n{"text":"Plays"}\n');
  const cut = join(home, "cut.jsonl.gz");
  await writeFile(cut, whole.subarray(0, -9));
  const told = await engram(home, ["import", cut]);
  expect(told).toMatchObject({ code: 1, stdout: expect.stringMatching(/[23] stored, 0 already there, 1 failed/) });
  expect(told.stderr).toMatch(
    /line [34]: the packed file is damaged or cut off \(unexpected end of file\): fetch it again/,
  );
  const none = join(home, "none.jsonl.gz");
  await writeFile(none, '{"text":"Plays chess"}\n');
  const refused = await engram(home, ["import", none, "--json"]);
  expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([
    1,
    { stored: 0, failed: 1, badLines: [{ line: 1 }] },
  ]);
});
