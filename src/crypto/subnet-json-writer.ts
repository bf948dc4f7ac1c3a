import { pythonFloat } from "./python-text.ts";
import { isSubnetArray, type SubnetJson } from "./subnet-json.ts";

interface Style {
  readonly comma: string;
  readonly colon: string;
  readonly sorted: boolean;
  readonly text: (value: string) => string;
}

const pyCanon: Style = { comma: ",", colon: ":", sorted: true, text: asciiText };
const pyDefault: Style = { comma: ", ", colon: ": ", sorted: false, text: asciiText };
const pyCompact: Style = { comma: ",", colon: ":", sorted: false, text: asciiText };
const rust: Style = { comma: ",", colon: ":", sorted: true, text: utf8Text };

/** PY-CANON of spec 1.3: what is signed, and the Python form of a CID. */
export function writeCanonical(value: SubnetJson): string {
  return write(value, pyCanon);
}

/** PY-DEFAULT of spec 1.3: HTTP replies, the metadata limit, padding. */
export function writePythonDefault(value: SubnetJson): string {
  return write(value, pyDefault);
}

/** Compact and ASCII in the document's own order: relay bodies on the wire (spec 11.4). */
export function writeCompact(value: SubnetJson): string {
  return write(value, pyCompact);
}

/** RUST of spec 1.3: the Rust form of a CID. */
export function writeRust(value: SubnetJson): string {
  return write(value, rust);
}

function write(value: SubnetJson, style: Style): string {
  switch (typeof value) {
    case "string":
      return style.text(value);
    case "bigint":
      return value.toString();
    case "number":
      return pythonFloat(value);
    case "boolean":
      return value ? "true" : "false";
    default:
      if (value === null) return "null";
      return isSubnetArray(value) ? writeArray(value, style) : writeObject(value, style);
  }
}

function writeArray(array: readonly SubnetJson[], style: Style): string {
  return `[${array.map((item) => write(item, style)).join(style.comma)}]`;
}

function writeObject(object: ReadonlyMap<string, SubnetJson>, style: Style): string {
  const entries = [...object];
  if (style.sorted) entries.sort(([left], [right]) => compareCodePoints(left, right));
  const members = entries.map(([key, item]) => style.text(key) + style.colon + write(item, style));
  return `{${members.join(style.comma)}}`;
}

/** Order by Unicode code point (spec 1.3); JavaScript's own order is by UTF-16 unit. */
function compareCodePoints(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) {
    if (left[at] === right[at]) continue;
    // Where a pair differs in its second half only, its code point begins one unit earlier.
    const start = completesPair(left, at) || completesPair(right, at) ? at - 1 : at;
    return (left.codePointAt(start) ?? 0) - (right.codePointAt(start) ?? 0);
  }
  return left.length - right.length;
}

function completesPair(text: string, at: number): boolean {
  return at > 0 && (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
};

function escaped(character: string): string {
  return shortEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function asciiText(value: string): string {
  // No u flag: an astral character is escaped as its two halves.
  return `"${value.replace(/["\\]|[^ -~]/g, escaped)}"`;
}

function utf8Text(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return `"${value.replace(/["\\\u0000-\u001f]/g, escaped)}"`;
}
