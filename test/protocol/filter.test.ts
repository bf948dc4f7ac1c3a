import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { fromPlain, type SubnetObject } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import {
  type Filter,
  filterSchema,
  matches,
  matchesJson,
  parseFilter,
  referenceFilter,
} from "../../src/node/protocol/filter.ts";

const passes = (filter: unknown, metadata: Record<string, unknown>): boolean => matches(parseFilter(filter), metadata);
const nested = (levels: number): unknown => (levels === 1 ? { a: 1 } : { not: nested(levels - 1) });

import { requiredText } from "../../src/node/protocol/filter-match.ts";

describe("a filter", () => {
  test.each<[unknown, Filter]>([
    [{ city: "Bern" }, { key: "city", is: { eq: "Bern" } }],
    [{ age: { gte: 18, lt: 65 } }, { key: "age", is: { gte: 18, lt: 65 } }],
    [{ a: null }, { key: "a", is: { eq: null } }],
    [
      { a: 1, b: true },
      {
        and: [
          { key: "a", is: { eq: 1 } },
          { key: "b", is: { eq: true } },
        ],
      },
    ],
    [
      { or: [{ a: 1 }, { not: { b: 2 } }] },
      { or: [{ key: "a", is: { eq: 1 } }, { not: { key: "b", is: { eq: 2 } } }] },
    ],
    [
      { key: "and", is: { eq: 1 } },
      { key: "and", is: { eq: 1 } },
    ],
    [
      { key: "x", is: "y" },
      {
        and: [
          { key: "key", is: { eq: "x" } },
          { key: "is", is: { eq: "y" } },
        ],
      },
    ],
    [{ "a.b": 1 }, { key: "a.b", is: { eq: 1 } }],
    [{}, { and: [] }],
  ])("%j is understood", (written, filter) => {
    expect(parseFilter(written)).toEqual(filter);
  });

  test.each<[string, unknown, string]>([
    ["a text", "city", "must be a filter"],
    ["a list", [], "must be a filter"],
    ["null", null, "must be a filter"],
    ["a list as value", { a: [1, 2] }, '{"in":[…]}'],
    ["no operator", { a: {} }, "name an operator"],
    ["an unknown operator", { a: { like: "x" } }, "eq, in, gt"],
    ["and without a list", { and: { a: 1 } }, '{"key":"and","is":{"eq":…}}'],
    ["an empty or", { or: [] }, "list of filters"],
    ["not with a value", { not: 1 }, '{"key":"not","is":{"eq":…}}'],
    ["a text inside and", { and: ["a"] }, "must be a filter"],
    ["bounds of two kinds", { a: { gte: 1, lt: "z" } }, "one kind"],
    ["an ordered boolean", { a: { gt: true } }, "number or a text"],
    ["a number that is not finite", { a: Number.NaN }, "text, number"],
    ["an object as operand", { a: { eq: { b: 1 } } }, "text, number"],
    ["no choice", { a: { in: [] } }, "at least one"],
    ["too many choices", { a: { in: Array.from({ length: 101 }, (_, i) => i) } }, "at most 100"],
    ["a text that is too long", { a: "x".repeat(1_001) }, ""],
    ["six levels", nested(6), "deeper than 5"],
    ["51 conditions", { or: Array.from({ length: 51 }, (_, i) => ({ [`k${i}`]: i })) }, "more than 50"],
  ])("with %s is refused, and told what to write", (_, written, hint) => {
    expect(() => parseFilter(written)).toThrowError(
      expect.objectContaining({
        code: "FILTER_INVALID",
        message: expect.stringContaining(hint),
        fix: expect.any(String),
      }),
    );
  });

  test("may have 5 levels and 50 conditions", () => {
    expect(filterSchema.safeParse(nested(5)).success).toBe(true);
    const many = { or: Array.from({ length: 50 }, (_, i) => ({ [`k${i}`]: i })) };
    expect(filterSchema.safeParse(many).success).toBe(true);
  });

  test("names the place of what is wrong", () => {
    expect(() => parseFilter({ and: [{ a: 1 }, { b: { gt: true } }] })).toThrow(/and\.1\.b\.gt/);
  });

  test("that is very large is refused without being walked", () => {
    const wide = { or: Array.from({ length: 1_000_000 }, () => ({ a: 1 })) };
    expect(filterSchema.safeParse(wide).success).toBe(false);
    let deep: unknown = { a: 1 };
    for (let i = 0; i < 100_000; i++) deep = { not: deep };
    expect(filterSchema.safeParse(deep).success).toBe(false);
  });
});

describe("matching", () => {
  test.each<[unknown, Record<string, unknown>, boolean]>([
    [{ a: 1 }, { a: 1 }, true],
    [{ a: 1 }, { a: "1" }, false],
    [{ a: "1" }, { a: 1 }, false],
    [{ a: true }, { a: 1 }, false],
    [{ a: null }, { a: null }, true],
    [{ a: null }, {}, false],
    [{ a: { exists: false } }, {}, true],
    [{ a: { exists: true } }, { a: null }, true],
    [{ a: { exists: true } }, {}, false],
    [{ a: { exists: false } }, { a: 0 }, false],
    [{ a: { in: [1, "x"] } }, { a: "x" }, true],
    [{ a: { in: [1, "x"] } }, { a: "1" }, false],
    [{ a: { gt: 1 } }, { a: 2 }, true],
    [{ a: { gt: 2 } }, { a: 2 }, false],
    [{ a: { gte: 2, lt: 3 } }, { a: 2 }, true],
    [{ a: { lte: 2 } }, { a: 3 }, false],
    [{ a: { gt: 1 } }, { a: "2" }, false],
    [{ a: { gte: "2024-02-01", lt: "2025" } }, { a: "2024-11-30T10:00:00Z" }, true],
    [{ a: { lt: "2024" } }, { a: "2024-01-01" }, false],
    [{ a: { lt: 5 } }, {}, false],
    [{ not: { a: { lt: 5 } } }, {}, true],
    [{ tags: "work" }, { tags: ["home", "work"] }, true],
    [{ tags: "play" }, { tags: ["home", "work"] }, false],
    [{ n: { gte: 5, lt: 7 } }, { n: [1, 6] }, true],
    [{ n: { gte: 5, lt: 7 } }, { n: [1, 9] }, false],
    [{ "a.b": 1 }, { a: { b: 1 } }, false],
    [{ "a.b": 1 }, { "a.b": 1 }, true],
    [{ constructor: { exists: true } }, {}, false],
    [{ toString: { exists: false } }, {}, true],
    [{ length: { gte: 0 } }, {}, false],
    [{}, { a: 1 }, true],
    [{ a: 1, b: 2 }, { a: 1 }, false],
    [{ or: [{ a: 1 }, { b: 2 }] }, { b: 2 }, true],
  ])("%j on %j: %j", (filter, metadata, expected) => {
    expect(passes(filter, metadata)).toBe(expected);
    expect(matchesJson(parseFilter(filter), JSON.stringify(metadata))).toBe(expected);
  });

  test("the key __proto__ is only a key", () => {
    const filter = parseFilter(JSON.parse('{"__proto__": {"exists": true}}'));
    expect(matchesJson(filter, "{}")).toBe(false);
    expect(matchesJson(filter, '{"__proto__": 1}')).toBe(true);
    expect(Object.hasOwn(Object.prototype, "exists")).toBe(false);
  });

  test("text that is no metadata has no keys", () => {
    for (const json of ["", "[1]", "null", "{", '"a"']) {
      expect(matchesJson({ key: "0", is: { exists: true } }, json)).toBe(false);
      expect(matchesJson({ key: "a", text: "None" }, json)).toBe(true);
    }
  });

  const jsonFilter = fc.letrec<{ filter: unknown }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      fc.dictionary(
        fc.constantFrom("a", "b", "__proto__"),
        fc.oneof(fc.integer(), fc.string(), fc.record({ gt: fc.integer() })),
      ),
      fc.record({ and: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ or: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie("filter") }),
    ),
  })).filter;

  property.prop([jsonFilter, fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue())])(
    "never throws, agrees on both readings, and not is the opposite",
    (written, metadata) => {
      const parsed = filterSchema.safeParse(written);
      if (!parsed.success) return;
      const result = matches(parsed.data, metadata);
      expect(matchesJson(parsed.data, JSON.stringify(metadata))).toBe(result);
      expect(matches({ not: parsed.data }, metadata)).toBe(!result);
    },
  );

  property.prop([jsonFilter, fc.dictionary(fc.constantFrom("a", "b"), fc.oneof(fc.string(), fc.jsonValue()))])(
    "the text a store looks for first is in all JSON that matches and has no escapes",
    (written, metadata) => {
      const [key, value] = Object.entries(metadata)[0] ?? ["a", null];
      const reference = referenceFilter(new Map([[key, fromPlain(value)]]));
      const parsed = filterSchema.safeParse(typeof value === "string" ? { [key]: value } : written);
      for (const filter of [parsed.data, reference]) {
        const json = JSON.stringify(metadata);
        const text = filter ? requiredText(filter) : undefined;
        if (!filter || text === undefined || json.includes("\\") || !matchesJson(filter, json)) continue;
        expect(json).toContain(text);
      }
    },
  );

  test("only a text that nothing else reads as is looked for first", () => {
    expect(requiredText(parseFilter({ a: 1, b: "Bern" }))).toBe("Bern");
    expect(requiredText({ key: "a", text: "Bern" })).toBe("Bern");
    for (const text of ["True", "None", "1.0", "-1", "[1]", "{'a': 1}", "inf", "nan"]) {
      expect(requiredText({ key: "a", text })).toBeUndefined();
    }
    expect(requiredText(parseFilter({ not: { a: "Bern" } }))).toBeUndefined();
    expect(requiredText(parseFilter({ or: [{ a: "Bern" }, { a: "Rom" }] }))).toBeUndefined();
  });

  property.prop([fc.jsonValue()])("any JSON is parsed or refused", (value) => {
    const { success, data } = filterSchema.safeParse(value);
    if (success) expect(typeof matches(data, { a: 1 })).toBe("boolean");
  });
});

describe("the wire's filter", () => {
  const reference = (filter: string, metadata: string): boolean => {
    const parsed = referenceFilter(readSubnetJson(filter) as SubnetObject);
    return parsed === null || matchesJson(parsed, metadata);
  };

  // Spec 8.2: str(metadata.get(k)) == str(v), texts as of spec 1.4.
  test.each<[string, string, boolean]>([
    ["{}", "{}", true],
    ['{"a": 1}', '{"a": 1}', true],
    ['{"a": 1}', '{"a": "1"}', true],
    ['{"a": 1}', '{"a": 1.0}', false],
    ['{"a": "1.0"}', '{"a": 1.0}', true],
    ['{"a": 12345678901234567890}', '{"a": 12345678901234567890}', true],
    ['{"a": 12345678901234567890}', '{"a": 12345678901234567891}', false],
    ['{"a": null}', "{}", true],
    ['{"a": "None"}', '{"a": null}', true],
    ['{"a": true}', '{"a": "True"}', true],
    ['{"a": true}', '{"a": "true"}', false],
    ['{"a": [1, "x"]}', '{"a": [1, "x"]}', true],
    ['{"a": "[1, \'x\']"}', '{"a": [1, "x"]}', true],
    ['{"a": {"b": 1.5}}', '{"a": {"b": 1.50}}', true],
    ['{"a": 1, "b": 2}', '{"a": 1, "b": 3}', false],
    ['{"__proto__": null}', "{}", true],
  ])("%s on %s: %j", (filter, metadata, expected) => {
    expect(reference(filter, metadata)).toBe(expected);
  });

  test("takes at most 100 pairs", () => {
    const pairs = (n: number) => new Map(Array.from({ length: n }, (_, i) => [`k${i}`, "v"] as const));
    expect(referenceFilter(pairs(100))).not.toBeNull();
    expect(() => referenceFilter(pairs(101))).toThrowError(expect.objectContaining({ code: "FILTER_INVALID" }));
  });
});
