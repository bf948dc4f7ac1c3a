import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, onTestFinished, test } from "vitest";
import { EngramError } from "../../../src/crypto/errors.ts";
import type { Memory, MemoryId, NewMemory, StoreInput } from "../../../src/node/client/memory.ts";
import { exportMemories } from "../../../src/node/client/transfer/export.ts";
import { importMemories } from "../../../src/node/client/transfer/import.ts";
import { parseNote } from "../../../src/node/client/transfer/note.ts";
import { readEntries } from "../../../src/node/client/transfer/read-entries.ts";
import { listNotes, readNotes } from "../../../src/node/client/transfer/read-notes.ts";
import { readLines } from "../../../src/node/runtime/read-lines.ts";
import { inZone } from "../../support/in-zone.ts";

const NOW = Date.UTC(2026, 10, 22);

/** Takes what a store takes; refuses texts that hold "refuse", as the real one refuses what it cannot keep. */
function recordingStore(have: ReadonlySet<string> = new Set()) {
  const calls: StoreInput[] = [];
  return {
    calls,
    items: (): readonly NewMemory[] => calls.flatMap(({ items }) => items),
    store: async (input: StoreInput) => {
      if (input.items.some(({ text }) => text.includes("refuse"))) {
        throw new EngramError("INPUT_INVALID", "the text cannot be kept.", { fix: "Write another." });
      }
      if (input.items.some(({ text }) => text.includes("disk"))) throw new EngramError("STORE_FAILED", "disk full");
      calls.push(input);
      const stored = input.items.map(({ text }) => ({
        id: "m_aaaaaaaaaaaaaaaa" as MemoryId,
        ...(have.has(text) && { deduped: true as const }),
      }));
      return { stored, replicas: { have: 0, target: 0, possible: 0 } };
    },
  };
}

async function* bytesOf(text: string, size = 7) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function run(
  text: string,
  client = recordingStore(),
  options: { namespace?: string; allow?: () => Promise<void> } = {},
) {
  const { allow = async () => undefined, ...rest } = options;
  return importMemories(
    readEntries(bytesOf(text)),
    { session: "file", ...rest },
    { client, allowPublic: allow, now: () => NOW },
  );
}

function memory(fields: Partial<Memory>): Memory {
  return {
    id: "m_bbbbbbbbbbbbbbbb" as MemoryId,
    namespace: "main",
    visibility: "private",
    text: "Mara likes tea",
    metadata: {},
    session: "s",
    seq: 1,
    at: NOW - 5,
    createdAt: NOW - 4,
    ...fields,
  };
}

async function exported(memories: readonly Memory[]): Promise<string> {
  async function* all() {
    yield* memories;
  }
  let text = "";
  for await (const chunk of exportMemories({ export: all }, undefined, () => undefined)) text += chunk;
  return text;
}

describe("an export", () => {
  property.prop([
    fc.array(
      fc.record({
        text: fc.string({ minLength: 1, unit: "binary" }).map((text) => text.replace(/refuse|disk/g, "x")),
        session: fc.string({ minLength: 1 }),
        speaker: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
        metadata: fc.dictionary(fc.string(), fc.jsonValue()),
        at: fc.integer({ min: 0, max: 4e12 }),
        expiresAt: fc.option(fc.integer({ min: NOW + 1, max: 4e12 }), { nil: undefined }),
        namespace: fc.constantFrom("main", "work"),
      }),
      { maxLength: 20 },
    ),
  ])("comes back the same, in the same order", async (generated) => {
    const memories = generated.map(({ speaker, expiresAt, metadata, ...fields }) =>
      memory({
        ...fields,
        metadata: JSON.parse(JSON.stringify(metadata)) as Memory["metadata"],
        ...(speaker !== undefined && { speaker }),
        ...(expiresAt !== undefined && { expiresAt }),
      }),
    );
    const client = recordingStore();
    const report = await run(await exported(memories), client);
    expect(report).toMatchObject({ lines: memories.length, stored: memories.length, failed: 0 });
    const arrived = client.calls.flatMap(({ items, namespace, expiresAt }) =>
      items.map((item) => ({ ...item, namespace, expiresAt })),
    );
    const sent = memories.map(({ text, speaker, session, metadata, at, namespace, expiresAt }) => ({
      text,
      ...(speaker !== undefined && { speaker }),
      session,
      metadata,
      at,
      namespace,
      expiresAt,
    }));
    expect(arrived).toEqual(sent);
  });

  test("of public memories is published only when a person allows it", async () => {
    const text = await exported([memory({ namespace: "public", visibility: "public" }), memory({ text: "a secret" })]);
    const client = recordingStore();
    await run(text, client);
    expect(client.calls.map((call) => [call.public, call.namespace])).toEqual([
      [true, undefined],
      [undefined, "main"],
    ]);
    const refused = recordingStore();
    const allow = async () => Promise.reject(new EngramError("CONSENT_REQUIRED", "ask"));
    await expect(run(text, refused, { allow })).rejects.toMatchObject({ code: "CONSENT_REQUIRED" });
    expect(refused.calls).toEqual([]);
  });
});

test("a date alone is that day on this machine", async () => {
  inZone("America/Los_Angeles");
  const client = recordingStore();
  await run('{"text":"ramen","at":"2026-11-28"}', client);
  expect(client.items()[0]?.at).toBe(Date.parse("2026-11-28T08:00:00Z"));
});

describe("a file with bad lines", () => {
  test("is imported without them, and each is named", async () => {
    const client = recordingStore();
    const lines = [
      '{"text":"one"}',
      "{not json",
      '{"text":"two","at":"2026-03-03T09:12:00Z"}',
      '{"txt":"three"}',
      "",
      '{"text":"refuse this one"}',
      '{"text":"four","at":"yesterday"}',
      '{"text":"five","metadata":[]}',
      '{"text":"six"}',
    ];
    const report = await run(lines.join("\r\n"), client);
    expect(client.items().map(({ text }) => text)).toEqual(["one", "two", "six"]);
    expect(client.items()[1]?.at).toBe(Date.UTC(2026, 2, 3, 9, 12));
    expect(report).toMatchObject({ lines: 9, stored: 3, deduped: 0, failed: 5 });
    expect(report.badLines.map(({ line }) => line).sort()).toEqual([2, 4, 6, 7, 8]);
    expect(report.badLines.find(({ line }) => line === 2)?.message).toBe("the line is not JSON");
    expect(report.badLines.find(({ line }) => line === 6)?.message).toBe("the text cannot be kept. Write another.");
  });

  test("of bytes that are no text or too long keeps the rest", async () => {
    async function* source() {
      yield Buffer.from('{"text":"one"}\n');
      yield Buffer.from([0xff, 0xfe, 0x0a]);
      for (let i = 0; i < 5; i += 1) yield Buffer.alloc(1024 * 1024, 0x61);
      yield Buffer.from('\n{"text":"two"}');
    }
    const client = recordingStore();
    const deps = { client, allowPublic: async () => undefined, now: () => NOW };
    const report = await importMemories(readEntries(source()), { session: "file" }, deps);
    expect(client.items().map(({ text }) => text)).toEqual(["one", "two"]);
    expect(report.badLines.map(({ line }) => line)).toEqual([2, 3]);
  });

  test("ends where the store itself fails: that is no fault of a line", async () => {
    await expect(run('{"text":"the disk is full"}')).rejects.toMatchObject({ code: "STORE_FAILED" });
  });
});

test("what is there already, or over already, is counted and not stored again", async () => {
  const client = recordingStore(new Set(["one"]));
  const lines = ['{"text":"one"}', `{"text":"gone","expiresAt":${NOW - 1}}`, `{"text":"soon","expiresAt":${NOW + 1}}`];
  expect(await run(lines.join("\n"), client)).toMatchObject({ stored: 1, deduped: 1, expired: 1, failed: 0 });
  expect(client.calls.at(-1)).toMatchObject({ expiresAt: NOW + 1 });
});

test("a named namespace overrules the file, and keeps all private", async () => {
  const client = recordingStore();
  const lines = ['{"text":"one","namespace":"a"}', '{"text":"two"}', '{"text":"three","visibility":"public"}'];
  await run(lines.join("\n"), client, { namespace: "b" });
  expect(new Set(client.calls.map(({ namespace }) => namespace))).toEqual(new Set(["b"]));
  expect(client.items()).toHaveLength(3);
  expect(client.calls.some((call) => call.public)).toBe(false);
});

test("the reference server's file becomes sentences, with its parts as metadata", async () => {
  const client = recordingStore();
  const lines = [
    '{"type":"entity","name":"Mara","entityType":"person","observations":["owns a bike shop","likes tea"]}',
    '{"type":"entity","name":"Halden Parts","entityType":"supplier","observations":[],"since":2020}',
    '{"type":"relation","from":"Mara","to":"Halden Parts","relationType":"buys_from"}',
    '{"type":"entity","name":"broken","entityType":"person"}',
    '{"type":"relation","from":"Mara","to":"Jonas"}',
  ];
  const report = await run(lines.join("\n"), client);
  expect(report).toMatchObject({ stored: 4, failed: 2 });
  expect(client.items().map(({ text, metadata }) => [text, metadata])).toEqual([
    ["Mara: owns a bike shop", { entity: "Mara", entityType: "person" }],
    ["Mara: likes tea", { entity: "Mara", entityType: "person" }],
    ["Halden Parts (supplier)", { entity: "Halden Parts", entityType: "supplier", since: 2020 }],
    ["Mara buys from Halden Parts", { from: "Mara", relation: "buys_from", to: "Halden Parts" }],
  ]);
});

property.prop([
  fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", ""))),
  fc.integer({ min: 1, max: 9 }),
])("lines are the same however the bytes arrive", async (lines, size) => {
  const read: string[] = [];
  const bom = (text: string) => text.replace(/^\ufeff/, "");
  for await (const line of readLines(bytesOf(lines.map((line) => `${line}\n`).join(""), size)))
    read.push(line.text ?? "?");
  expect(read).toEqual(lines.map(bom));
});

const texts = (client: ReturnType<typeof recordingStore>) => client.items().map(({ text }) => text);

describe("what other products export", () => {
  const mem0 = {
    ...{ id: "8d1f", memory: "Likes tea", hash: "ab", user_id: "mara", metadata: { topic: "drinks" } },
    ...{ created_at: "2026-03-03T09:12:00.5-08:00", updated_at: null, categories: ["food"] },
  };
  const openMemory = {
    ...{ id: "1", content: "Plays chess", state: "active", app: "cursor", metadata: {} },
    created_at: 1_772_000_000,
  };
  const point = { id: 7, payload: { document: "The key is blue", metadata: { room: "7" } }, vector: null };

  test.each([
    ["a list", JSON.stringify([mem0, openMemory, point])],
    ["a list over many lines", JSON.stringify([mem0, openMemory, point], null, 2)],
    ["mem0's answer", JSON.stringify({ results: [mem0, openMemory, point] })],
    ["a backup's document", JSON.stringify({ user: {}, memories: [mem0, openMemory, point], apps: [] }, null, 1)],
    ["a scroll's answer", JSON.stringify({ result: { points: [mem0, openMemory, point] }, status: "ok" })],
    ["lines", [mem0, openMemory, point].map((item) => JSON.stringify(item)).join("\n")],
  ])("%s", async (_, text) => {
    const client = recordingStore();
    expect(await run(text, client)).toMatchObject({ lines: 3, stored: 3, failed: 0 });
    expect(client.items()).toEqual([
      {
        text: "Likes tea",
        session: expect.stringMatching(/^imported [0-9a-f]{8}$/),
        at: Date.UTC(2026, 2, 3, 17, 12, 0, 500),
        metadata: { user_id: "mara", categories: ["food"], topic: "drinks" },
      },
      {
        text: "Plays chess",
        session: expect.stringMatching(/^imported /),
        at: 1_772_000_000_000,
        metadata: { app: "cursor" },
      },
      { text: "The key is blue", session: expect.stringMatching(/^imported /), metadata: { room: "7" } },
    ]);
  });

  test("what was deleted or archived there is skipped, and what lacks its text is named", async () => {
    const client = recordingStore();
    const lines = [
      { ...openMemory, state: "deleted" },
      { ...openMemory, state: "archived" },
      { id: 1, payload: { other: 1 } },
      { ...mem0, created_at: "soon" },
    ];
    const report = await run(JSON.stringify(lines), client);
    expect(texts(client)).toEqual([]);
    expect(report.skipped).toBe(2);
    expect(report.badLines).toEqual([
      { line: 3, message: "payload: has no document, text or content" },
      { line: 4, message: expect.stringContaining("created_at") },
    ]);
  });

  test("both files of an OpenMemory backup tell the same memories", async () => {
    const shared = {
      id: "1",
      content: "Plays chess",
      metadata: { n: 1 },
      state: "active",
      created_at: "2026-03-03T09:12:00Z",
    };
    const whole = {
      ...{ user: { id: "u", user_id: "mara" }, apps: [{ id: "a", name: "cursor" }] },
      ...{ categories: [{ id: "c", name: "games" }], memory_categories: [{ memory_id: "1", category_id: "c" }] },
      memories: [{ ...shared, user_id: "u", app_id: "a", archived_at: null, category_ids: ["c"] }],
    };
    const [one, other] = [recordingStore(), recordingStore()];
    await run(JSON.stringify(whole, null, 2), one);
    await run(`${JSON.stringify({ ...shared, updated_at: null, app: "cursor", categories: ["games"] })}\n`, other);
    expect(one.items()).toMatchObject([
      { text: "Plays chess", metadata: { app: "cursor", categories: ["games"], n: 1 } },
    ]);
    expect(one.items()).toEqual(other.items());
  });

  test("a page of a scroll says that more follow, and a zip file what to do", async () => {
    const notes: string[] = [];
    const deps = { client: recordingStore(), allowPublic: async () => undefined, now: () => NOW };
    const told = async (next_page_offset: unknown) => {
      const text = JSON.stringify({ result: { points: [point], next_page_offset } });
      await importMemories(
        readEntries(bytesOf(text), (note) => notes.push(note)),
        { session: "file" },
        deps,
      );
    };
    await told(null);
    expect(notes).toEqual([]);
    await told("7c1d");
    expect(notes).toEqual([expect.stringContaining('more follow from the offset "7c1d"')]);
    const zip = readEntries(bytesOf("PK\x03\x04\x14\nmemories.json", 3));
    await expect(importMemories(zip, { session: "file" }, deps)).rejects.toMatchObject({
      ...{ code: "IMPORT_INVALID", fix: expect.stringContaining("unzip it first") },
    });
  });

  test("a first line that is broken costs itself alone", async () => {
    const client = recordingStore();
    expect(await run('{"memory": \n{"memory":"Likes tea"}\n', client)).toMatchObject({ stored: 1, failed: 1 });
  });
});

const NOTE = `---
title: Coffee Brewing
type: note
tags: [coffee, brewing]
permalink: coffee-brewing
---

# Coffee Brewing

How Mara makes it.

## Observations
- [method] Pour over is clearer than French press #brewing
- [x] buy filters

## Relations
- relates_to [[Coffee Bean Origins]]
`;

test("a source that breaks off gives what came before, also when its first line is none", async () => {
  async function* broken() {
    yield Buffer.from('# facts\n{"text":"Plays chess"}\n{"text":"Pl');
    throw new Error("cut off");
  }
  const found: unknown[] = [];
  const read = async () => {
    for await (const entry of readEntries(broken())) found.push(entry);
  };
  await expect(read()).rejects.toThrow("cut off");
  expect(found).toMatchObject([{ why: "the line is not JSON" }, { memories: [{ item: { text: "Plays chess" } }] }]);
});

describe("a folder of notes", () => {
  test("a note is its observations, its relations, and the rest", () => {
    const [rest, ...facts] = parseNote(NOTE, "file", NOW);
    const shared = {
      note: "Coffee Brewing",
      permalink: "coffee-brewing",
      noteType: "note",
      tags: ["coffee", "brewing"],
    };
    expect(rest?.item.text).toMatch(
      /^Coffee Brewing\n\n# Coffee Brewing[\s\S]*How Mara makes it\.[\s\S]*- \[x\] buy filters/,
    );
    expect(rest?.item.text).not.toContain("Pour over");
    expect(facts.map(({ item }) => item)).toEqual([
      {
        text: "Coffee Brewing: Pour over is clearer than French press #brewing",
        ...{ session: "Coffee Brewing", at: NOW, metadata: { ...shared, category: "method" } },
      },
      {
        text: "Coffee Brewing relates to Coffee Bean Origins",
        ...{
          session: "Coffee Brewing",
          at: NOW,
          metadata: { ...shared, relation: "relates_to", to: "Coffee Bean Origins" },
        },
      },
    ]);
    const created = (time: string) => parseNote(`---\ncreated: ${time}\n---\ntea`, "file", NOW)[0]?.item.at;
    expect(created("2024-05-06")).toBe(new Date(2024, 4, 6).getTime());
    expect(created("2024-05-06 07:08")).toBe(new Date(2024, 4, 6, 7, 8).getTime());
    expect(created("2024-05-06T07:08:09+02:00")).toBe(Date.UTC(2024, 4, 6, 5, 8, 9));
    expect([created("last spring"), created("[]"), created("")]).toEqual([NOW, NOW, NOW]);
    expect(parseNote("just a line", "plain", NOW)[0]?.item.text).toBe("plain\n\njust a line");
    expect(parseNote("# only a heading\n", "empty", NOW)).toEqual([]);
  });

  test("nothing that a note says is left out", () => {
    const body = `- depends_on [[Water Quality]] (because hard water ruined the 2023 batch)
- pairs_with [[Croissant]] and [[Baguette]] every Sunday`;
    const abstract = "tea ".repeat(1_000).trim();
    const note = `---\ntitle:\nstatus: urgent\nratio: .nan\nabstract: ${abstract}\n---\n${body}`;
    const [rest, ...relations] = parseNote(note, "Tea", NOW).map(({ item }) => item);
    expect(rest?.text).toMatch(/^Tea\n\nstatus: urgent\nratio: .nan\nabstract: tea tea/);
    expect(rest?.text.match(/tea/g)).toHaveLength(1_000);
    expect(relations.map(({ text }) => text)).toEqual([
      "Tea depends on Water Quality (because hard water ruined the 2023 batch)",
      "Tea pairs with Croissant and Baguette every Sunday",
    ]);
    expect(relations[0]?.metadata).toEqual({ note: "Tea", relation: "depends_on", to: "Water Quality" });
    const long = `${"a".repeat(63)}🍵 and more`;
    expect(parseNote(`---\ntitle: ${long}\n---\ntea`, "file", NOW)[0]?.item.session).toBe(`${"a".repeat(63)}🍵`);
  });

  test("notes are read in the order of their paths, hidden ones are not, and a broken one is named", async () => {
    const folder = await mkdtemp(join(tmpdir(), "engram-notes-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, "a"));
    await mkdir(join(folder, ".obsidian"));
    await writeFile(join(folder, "b.md"), "second");
    await writeFile(join(folder, "a", "one.md"), "first");
    await writeFile(join(folder, ".obsidian", "hidden.md"), "hidden");
    await writeFile(join(folder, "c.md"), "---\ntitle: [\n---\ntext");
    await writeFile(join(folder, "d.txt"), "not a note");
    await writeFile(join(folder, "e.md"), Buffer.from("caf\xe9", "latin1"));
    const client = recordingStore();
    const deps = { client, allowPublic: async () => undefined, now: () => NOW };
    const report = await importMemories(readNotes(folder, await listNotes(folder)), { session: "notes" }, deps);
    expect(texts(client)).toEqual(["one\n\nfirst", "b\n\nsecond"]);
    expect(report.badLines).toEqual([
      { line: 3, message: "c.md: its front matter is not YAML" },
      { line: 4, message: "e.md: it is not UTF-8 text" },
    ]);
  });
});
