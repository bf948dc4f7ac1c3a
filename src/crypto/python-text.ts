import { isSubnetArray, type SubnetJson } from "./subnet-json.ts";

/**
 * A double as Python's `repr` prints it (spec 1.2): JavaScript's shortest digits in Python's layout. Infinities and NaN
 * come out as Python's JSON writer spells them.
 */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0.0";
  // In this range both languages lay out alike, but for the fraction of a whole number.
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e16)) {
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const sign = exponent.startsWith("-") ? "-" : "+";
  return `${digits}e${sign}${exponent.slice(1).padStart(2, "0")}`;
}

/** Python's `str()` of a JSON value (spec 1.4): the text that metadata filters and the Rust form of a CID compare. */
export function pythonStr(value: SubnetJson): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

function pythonRepr(value: SubnetJson): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return value ? "True" : "False";
    case "bigint":
      return value.toString();
    case "number":
      return Number.isFinite(value) ? pythonFloat(value) : nonFinite(value);
    default:
      if (value === null) return "None";
      if (isSubnetArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
      return `{${Array.from(value, ([key, item]) => `${quoted(key)}: ${pythonRepr(item)}`).join(", ")}}`;
  }
}

function nonFinite(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  // Non-printable: categories C and Z but for the plain space. The u flag makes a lone surrogate match as Cs.
  const body = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === "'" || character === '"') return character === quote ? `\\${character}` : character;
    return named[character] ?? escapedCode(character.codePointAt(0) ?? 0);
  });
  return quote + body + quote;
}

function escapedCode(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
