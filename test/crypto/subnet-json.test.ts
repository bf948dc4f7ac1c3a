import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { pythonFloat, pythonStr } from "../../src/crypto/python-text.ts";
import { fromPlain, hasOverflow, MAX_JSON_DEPTH, type SubnetJson, toPlain } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { writeCanonical, writePythonDefault, writeRust } from "../../src/crypto/subnet-json-writer.ts";

const invalid = expect.objectContaining({ code: "JSON_INVALID" });
const documents = fc.jsonValue({ stringUnit: "binary", maxDepth: 6 });

describe("reading", () => {
  test("with limits, keys and values are counted over the whole document and no object names a key twice", () => {
    const limits = { maxKeys: 3, maxValues: 6 };
    const read = (text: string) => () => readSubnetJson(text, limits);
    for (const text of ['{"a":{"b":1},"c":[1,2]}', "[1,2,3,4,5]", '[{"a":1},{"a":1}]'])
      expect(read(text)).not.toThrow();
    for (const text of ['{"a":{"b":1},"c":{"d":1}}', "[1,2,3,4,5,6]", '{"a":1,"a":1}', '{"a":1,"\\u0061":1}']) {
      expect(read(text)).toThrow(invalid);
      expect(() => readSubnetJson(text)).not.toThrow();
    }
  });

  property.prop([documents])("agrees with JSON.parse on what both can say", (value) => {
    const text = JSON.stringify(value);
    expect(toPlain(readSubnetJson(text))).toEqual(toPlain(fromPlain(JSON.parse(text))));
    expect(JSON.stringify(toPlain(readSubnetJson(text)))).toBe(JSON.stringify(JSON.parse(text)));
  });

  property.prop([fc.string({ unit: fc.constantFrom(...'[]{}",:0123456789.eE+-truefalsn\\u \n\t\u0001') })])(
    "accepts a text exactly when JSON.parse does",
    (text) => {
      let accepted = true;
      try {
        JSON.parse(text);
      } catch {
        accepted = false;
      }
      if (accepted) readSubnetJson(text);
      else expect(() => readSubnetJson(text)).toThrow(invalid);
    },
  );

  const numberTexts = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.bigInt().map(String),
    fc.stringMatching(/^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?$/),
    fc.constantFrom("0", "-0", "0.0", "-0.0", "1e400", "-1e-400", "9007199254740993", "1.0", "[0.5]", '"]"', "null"),
  );
  const floatTexts = fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }).map(String);
  const blanks = fc.constantFrom("", " ", "\n\t");
  property.prop([fc.oneof(fc.array(floatTexts, { minLength: 20 }), fc.array(numberTexts, { minLength: 20 })), blanks])(
    "a long list of numbers holds what each of them is by itself",
    (texts, blank) => {
      const list = readSubnetJson(`[${blank}${texts.join(`${blank},${blank}`)}${blank}]`) as readonly SubnetJson[];
      expect(list).toStrictEqual(texts.map((text) => readSubnetJson(text)));
    },
  );

  test("of a long list of floats, too, more than the limit are refused, and so is whatever is wrong in it", () => {
    const floats = Array.from({ length: 40 }, (_, index) => `0.${index + 1}`);
    const read = (text: string) => () => readSubnetJson(text, { maxKeys: 3, maxValues: 42 });
    expect(read(`[[${floats}]]`)()).toHaveLength(1);
    for (const [what, text] of Object.entries({
      "one too many": `[[${floats}],1]`,
      "two in the list": `[${[...floats, "0.5", "0.5"]}]`,
      NaN: `[${[...floats, "NaN"]}]`,
      "a leading zero": `[${[...floats, "01.5"]}]`,
      "a trailing comma": `[${floats},]`,
      "no fraction": `[${[...floats, "1."]}]`,
      "no end": `[${floats}`,
    })) {
      expect(read(text), what).toThrow(invalid);
    }
  });

  test("keeps int and float, every digit, the sign of zero", () => {
    expect(readSubnetJson("[1,1.0,-0,-0.0,1e2,123456789012345678901234567890]")).toEqual([
      1n,
      1,
      0n,
      -0,
      100,
      123456789012345678901234567890n,
    ]);
  });

  test("keeps the order of integer-like keys; of equal keys the first place and the last value", () => {
    expect([...(readSubnetJson('{"b":1,"2":2,"1":3,"b":4}') as Map<string, SubnetJson>)]).toEqual([
      ["b", 4n],
      ["2", 2n],
      ["1", 3n],
    ]);
  });

  test("takes __proto__ for a key like any other", () => {
    const plain = toPlain(readSubnetJson('{"__proto__":{"polluted":true},"constructor":1}'));
    expect(Object.keys(plain as object)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(writeCanonical(fromPlain(plain))).toBe('{"__proto__":{"polluted":true},"constructor":1}');
  });

  test.each([
    ["NaN", "NaN"],
    ["Infinity", "[Infinity]"],
    ["-Infinity", "-Infinity"],
    ["a byte order mark", "\ufeff{}"],
    ["nothing", ""],
    ["two values", "1 2"],
    ["a trailing comma", "[1,]"],
    ["a control character", '"\u0001"'],
    ["a bad escape", '"\\x"'],
    ["a cut escape", '"\\u12"'],
    ["a leading zero", "01"],
    ["an endless int", "1".repeat(5000)],
    ["too many levels", "[".repeat(MAX_JSON_DEPTH + 1) + "]".repeat(MAX_JSON_DEPTH + 1)],
  ])("refuses %s", (_, text) => {
    expect(() => readSubnetJson(text)).toThrow(invalid);
  });

  test("refuses invalid UTF-8 and a byte order mark in bytes, and reads the rest of UTF-8", () => {
    expect(() => readSubnetJson(new Uint8Array([0x22, 0xff, 0x22]))).toThrow(invalid);
    expect(() => readSubnetJson(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]))).toThrow(invalid);
    expect(readSubnetJson(Buffer.from('"你好 😀"'))).toBe("你好 😀");
  });

  test("reads the deepest allowed document", () => {
    const text = "[".repeat(MAX_JSON_DEPTH) + "]".repeat(MAX_JSON_DEPTH);
    expect(writeCanonical(readSubnetJson(text))).toBe(text);
  });

  test("reads and writes a body of 10 MB in one pass each", () => {
    const vector = `[${Array.from({ length: 1536 }, (_, index) => Math.sin(index)).join(",")}]`;
    const count = Math.ceil(10_000_000 / vector.length);
    const text = `[${Array.from({ length: count }, () => vector).join(",")}]`;
    const value = readSubnetJson(Buffer.from(text));
    expect(value).toHaveLength(count);
    expect(writeCanonical(value).length).toBeGreaterThan(9_000_000);
  });

  test("marks numbers that overflow", () => {
    expect(hasOverflow(readSubnetJson('{"a":[1e400]}'))).toBe(true);
    expect(hasOverflow(readSubnetJson('{"a":[1e308]}'))).toBe(false);
  });
});

describe("writing", () => {
  property.prop([documents])("canonical text is its own canonical text", (value) => {
    const text = writeCanonical(fromPlain(value));
    expect(writeCanonical(readSubnetJson(text))).toBe(text);
    expect(text).toMatch(/^[ -~]*$/);
  });

  property.prop([documents])("every style says the same", (value) => {
    const tree = fromPlain(value);
    const canonical = writeCanonical(tree);
    expect(writeCanonical(readSubnetJson(writePythonDefault(tree)))).toBe(canonical);
    expect(writeCanonical(readSubnetJson(writeRust(tree)))).toBe(canonical);
  });

  property.prop([fc.double({ noDefaultInfinity: true, noNaN: true })])("a float's text reads back as it", (value) => {
    const text = pythonFloat(value);
    expect(Number(text)).toBe(value);
    expect(text).toMatch(/^-?\d+(\.\d+)?(e[+-]\d{2,})?$/);
    expect(readSubnetJson(text)).toBe(value);
  });

  property.prop([fc.array(fc.string({ unit: "binary" }))])("sorts keys by code point", (keys) => {
    const written = writeRust(new Map(keys.map((key) => [key, null])));
    const order = [...(readSubnetJson(written) as Map<string, null>).keys()].map((key) =>
      Array.from(key, (character) => (character.codePointAt(0) ?? 0).toString(16).padStart(6, "0")).join(""),
    );
    expect(order).toEqual([...order].sort());
  });

  test("astral keys come after U+E000 to U+FFFF, lone surrogates before", () => {
    const keys = ["😀", "\uff5e", "\ud83d", "\ud83dx", "z"];
    const written = writeCanonical(new Map(keys.map((key) => [key, null])));
    expect(written).toBe('{"z":null,"\\ud83d":null,"\\ud83dx":null,"\\uff5e":null,"\\ud83d\\ude00":null}');
  });

  test("Python's text of a document quotes by repr", () => {
    expect(pythonStr(readSubnetJson('{"it\'s":[true,null,1.0,"\\u00ad\\ud800"]}'))).toBe(
      `{"it's": [True, None, 1.0, '\\xad\\ud800']}`,
    );
  });
});

describe("plain values", () => {
  test("whole numbers are ints unless asked otherwise; -0 and numbers beyond 2^53 are floats", () => {
    expect(fromPlain([1, -0, 2 ** 60, 0.5])).toEqual([1n, -0, 2 ** 60, 0.5]);
    expect(fromPlain([1], { wholeNumbers: "float" })).toEqual([1]);
    expect(fromPlain(Float32Array.of(1, 0.5))).toEqual([1, 0.5]);
  });

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [() => 1], [Symbol("s")], [new Date(0)], [[undefined]]])(
    "refuses %s",
    (value) => {
      expect(() => fromPlain(value)).toThrow(expect.objectContaining({ code: "JSON_UNSUPPORTED" }));
    },
  );

  test("refuses a circle", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => fromPlain(circle)).toThrow(expect.objectContaining({ code: "JSON_UNSUPPORTED" }));
  });
});
