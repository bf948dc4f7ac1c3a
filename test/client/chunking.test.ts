import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { splitText } from "../../src/node/client/chunking.ts";

const names = { id: "m_aaaaaaaaaaaaaaaa", namespace: "main", session: "s", seq: 1, at: 1, createdAt: 1 };
const plain = { visibility: "private", metadata: {}, envelope: names } as const;
const parts = (text: string, about: Parameters<typeof splitText>[1] = plain) =>
  splitText(text, about).map(({ start, stop }) => text.slice(start, stop));

describe("parts of a long text", () => {
  test("a short text is one part", () => {
    expect(parts("It is short.")).toEqual(["It is short."]);
  });

  test("a long one is cut at sentence ends", () => {
    const sentences = Array.from({ length: 80 }, (_, i) => `This is sentence number ${i} of the report. `);
    const cut = parts(sentences.join(""));
    expect(cut.length).toBeGreaterThan(2);
    for (const part of cut) expect(part).toMatch(/^This is .*report\. $/s);
  });

  test("at paragraph ends before sentence ends, and at Chinese full stops", () => {
    const paragraph = `${"One thing. ".repeat(60)}\n\n`;
    expect(parts(paragraph.repeat(4))).toEqual(Array.from({ length: 4 }, () => paragraph));
    for (const part of parts("今天天气很好，我们去公园散步。".repeat(100))) expect(part.endsWith("。")).toBe(true);
  });

  test("names and metadata take room from part 0 alone, and may not take all of it", () => {
    const metadata = { note: "n".repeat(1_980) };
    const cut = parts("word ".repeat(600), { ...plain, metadata });
    expect(cut[0]?.length).toBeLessThan(850);
    expect(cut[1]?.length).toBeGreaterThan(900);
    const envelope = { ...names, session: "s".repeat(900) };
    expect(() => parts("text", { ...plain, metadata, envelope })).toThrow("leave no room");
    expect(() =>
      parts("text", { visibility: "public", metadata: { note: "é".repeat(700) }, envelope: names }),
    ).toThrow();
  });

  const text = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 6_000 }),
    fc
      .array(fc.constantFrom("word ", "sentence. ", "\n\n", "é", "漢", "😀", '"', "\\", "\u0001"), {
        minLength: 1,
        maxLength: 3_000,
      })
      .map((list) => list.join("")),
  );
  property.prop([text, fc.constantFrom("private", "public")], { numRuns: 60 })(
    "joined again they are the text; each fits its record; no character is torn",
    (whole, visibility) => {
      const cut = parts(whole, { ...plain, visibility });
      expect(cut.join("")).toBe(whole);
      for (const part of cut) {
        expect(part.length).toBeGreaterThan(0);
        expect(part.isWellFormed()).toBe(whole.isWellFormed() || part.isWellFormed());
        const json = JSON.stringify(part);
        const ascii = [...json].reduce((sum, c) => sum + (c <= "\u007f" ? 1 : 6 * c.length), 0);
        expect(visibility === "private" ? Buffer.byteLength(json) : ascii).toBeLessThanOrEqual(1_002);
      }
    },
  );
});
