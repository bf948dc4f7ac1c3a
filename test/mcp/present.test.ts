import { fc, test as prop } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { isoDate, parseDate } from "../../src/mcp/dates.ts";
import { nearest } from "../../src/mcp/nearest.ts";
import { fitTexts } from "../../src/mcp/present.ts";
import { visible, visibleJson } from "../../src/node/runtime/visible-text.ts";
import { inZone } from "../support/in-zone.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";

describe("text a model sees", () => {
  test.each([
    ["bidi override", "pay \u202eeve\u202c now", "pay eve now"],
    ["bidi isolates and marks", "a\u2066b\u2069\u200fc\u061c", "abc"],
    ["zero width", "ig\u200bno\u2060re\ufeff", "ignore"],
    ["tag characters", `hi${String.fromCodePoint(0xe0041, 0xe0042)}`, "hi"],
    ["controls and escapes", "a\u001b[31mb\u0000\u0007\u009bc", "a[31mbc"],
    ["variation selectors that carry bytes", `a\ufe01\ufe02${String.fromCodePoint(0xe0101)}`, "a"],
    ["joiners outside words", "a\u200d\u200cb", "ab"],
    ["line separators", "a\u2028b\u2029c", "abc"],
  ])("loses %s", (_, text, shown) => expect(visible(text)).toBe(shown));

  test.each([
    "plain text\nwith lines\tand tabs",
    "Grüße, naïve café, Ωμέγα",
    "می‌خواهم",
    "क्‍ष",
    "👩‍💻 👨‍👩‍👧 ❤️ 🏳️‍🌈 👍🏽",
    "日本語 中文 한국어 العربية עברית",
  ])("keeps %j", (text) => expect(visible(text)).toBe(text));

  prop.prop([fc.string({ unit: "binary" })])("is stable and never longer", (text) => {
    const shown = visible(text);
    expect(visible(shown)).toBe(shown);
    expect(shown.length).toBeLessThanOrEqual(text.length);
    const controls = [...shown].filter((char) => /\p{Cc}/u.test(char) && char !== "\n" && char !== "\t");
    expect(controls).toEqual([]);
    expect(shown).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]/);
  });

  test("metadata loses it in keys and values", () => {
    expect(visibleJson({ "k\u200b": ["v\u202e", 1, null, { x: "\u2060" }] })).toEqual({ k: ["v", 1, null, { x: "" }] });
  });

  test("is cleaned in answers and kept in the store", async () => {
    await using server = await serveForTest();
    await using session = await connect(server, "auto");
    const text = "the code is \u202e4711\u202c \u200bhidden";
    await session.call("engram_store", { text });
    const found = await session.call("engram_query", { query: "code hidden" });
    expect(found.text).toContain("the code is 4711 hidden");
    expect([...server.fake.memories.values()].map((memory) => memory.text)).toEqual([text]);
  });
});

test("what a question could not be asked by is told beside its hits", async () => {
  await using server = await serveForTest();
  await using session = await connect(server, "auto");
  await session.call("engram_store", { text: "Ada likes tea" });
  const query = server.fake.query.bind(server.fake);
  server.fake.query = async (input) => ({ ...(await query(input)), note: "answered by words alone" });
  const { data } = await session.call("engram_query", { query: "tea" });
  expect(data).toMatchObject({ hits: [{ text: "Ada likes tea" }], note: "answered by words alone" });
});

describe("max_chars", () => {
  prop.prop([fc.array(fc.string({ maxLength: 400 }), { maxLength: 50 }), fc.integer({ min: 200, max: 5_000 })])(
    "bounds the texts and loses no hit",
    (texts, maxChars) => {
      const items = texts.map((text, index) => ({ id: String(index), text }));
      const fitted = fitTexts(items, maxChars);
      expect(fitted.items.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
      const shown = fitted.items.reduce((sum, { text }) => sum + (text ?? "").length, 0);
      // One ellipsis per text that was cut.
      expect(shown).toBeLessThanOrEqual(maxChars + items.length);
      const all = texts.reduce((sum, text) => sum + text.length, 0);
      expect(fitted.truncated).toBe(all > maxChars);
      for (const { text } of fitted.items) expect(text?.isWellFormed() ?? true).toBe(true);
    },
  );

  test("cuts the longest first and says so", async () => {
    await using server = await serveForTest();
    await using session = await connect(server, "auto");
    await session.call("engram_store", { items: [{ text: "tea short" }, { text: `tea ${"long ".repeat(1_000)}` }] });
    const found = await session.call("engram_query", { query: "tea", max_chars: 300 });
    expect(found.data["truncated"]).toBe(true);
    const hits = found.data["hits"] as readonly { text: string; cut?: boolean }[];
    expect(hits.map(({ cut }) => cut ?? false).sort()).toEqual([false, true]);
    expect(found.text.length).toBeLessThan(1_000);
    const whole = await session.call("engram_query", { query: "tea" });
    expect(whole.data["truncated"]).toBeUndefined();
  });

  test("leaves out metadata that alone is too much", () => {
    const metadata = { note: "x".repeat(500) };
    const fitted = fitTexts(
      [
        { id: "a", text: "t", metadata },
        { id: "b", text: "t", metadata },
      ],
      1_200,
    );
    expect(fitted.items.map((item) => "metadata" in item)).toEqual([true, false]);
    expect(fitted.truncated).toBe(true);
  });
});

describe("dates", () => {
  test.each([
    ["2026-11-22", "2026-11-22T00:00:00Z"],
    ["2026-11-22T10:11:12Z", "2026-11-22T10:11:12Z"],
    ["2026-11-22 10:11", "2026-11-22T10:11:00Z"],
    ["2026-11-22T10:11:12.345+02:00", "2026-11-22T08:11:12Z"],
    ["2026/3/4", "2026-03-04T00:00:00Z"],
    ["1:56 pm on 8 May, 2023", "2023-05-08T13:56:00Z"],
    ["12:09 am on 13 September, 2023", "2023-09-13T00:09:00Z"],
    ["May 8, 2023", "2023-05-08T00:00:00Z"],
    ["8th May 2023 13:56", "2023-05-08T13:56:00Z"],
    ["Mon, 08 May 2023 13:56:01 +0200", "2023-05-08T11:56:01Z"],
    ["Mon, 08 May 2023 13:56:01 GMT", "2023-05-08T13:56:01Z"],
    ["May 2023", "2023-05-01T00:00:00Z"],
    ["1683554160", "2023-05-08T13:56:00Z"],
    ["1683554160000", "2023-05-08T13:56:00Z"],
  ])("%s is %s", (text, shown) => {
    const at = parseDate(text);
    expect(at === undefined ? undefined : isoDate(at)).toBe(shown);
  });

  test.each(["05/08/2023", "yesterday", "2023-02-30", "31 April 2023", "", "2026-13-01", "25:00 8 May 2023", "8 May"])(
    "%j is no date",
    (text) => expect(parseDate(text)).toBeUndefined(),
  );

  test.each([
    ["2026-11-28", "2026-11-28T08:00:00Z"],
    ["2026-11-28T20:00", "2026-11-29T04:00:00Z"],
    ["8 pm on 8 May, 2023", "2023-05-09T03:00:00Z"],
    ["2026-11-28T20:00:00Z", "2026-11-28T20:00:00Z"],
    ["2026-11-28 20:00 +01:00", "2026-11-28T19:00:00Z"],
    ["Mon, 08 May 2023 13:56:01 GMT", "2023-05-08T13:56:01Z"],
  ])("%s is %s on a server in Los Angeles", (text, shown) => {
    inZone("America/Los_Angeles");
    expect(isoDate(parseDate(text) ?? Number.NaN)).toBe(shown);
  });

  prop.prop([fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })])(
    "what results show is read back",
    (date) => {
      const seconds = Math.floor(date.getTime() / 1000) * 1000;
      expect(parseDate(isoDate(seconds))).toBe(seconds);
    },
  );

  prop.prop([fc.string({ maxLength: 60 })])("any text ends in a time or in undefined", (text) => {
    const at = parseDate(text);
    expect(at === undefined || Number.isFinite(at)).toBe(true);
  });
});

test("the nearest name is found, and none where none is near", () => {
  expect(nearest("limt", ["query", "limit"])).toBe("limit");
  expect(nearest("MaxChars", ["max_chars", "mode"])).toBe("max_chars");
  expect(nearest("colour", ["query", "limit"])).toBeUndefined();
});
