import { EngramError } from "./errors.ts";
import { MAX_JSON_DEPTH, type SubnetArray, type SubnetJson, type SubnetObject } from "./subnet-json.ts";
import { readFloats } from "./subnet-json-floats.ts";

/** Python refuses longer ints too; converting them takes quadratic time. */
const MAX_INT_DIGITS = 4300;

/** What a document from outside may hold beyond what Python takes. */
export interface SubnetJsonLimits {
  /** Keys of all its objects together. */
  readonly maxKeys: number;
  /** Values in all, objects and lists included. */
  readonly maxValues: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const simpleEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const fourHexDigits = /^[0-9a-fA-F]{4}$/;

/**
 * Reads JSON without losing what the subnet's canonical forms depend on (spec 1.1): int or float, every digit of an
 * int, `-0.0`, key order. Of two equal keys the last value and the first position count. `NaN` and `Infinity` as bare
 * words are refused (M-W17), as are a byte order mark, invalid UTF-8 and more than 32 levels. With `limits`, equal keys
 * of one object are refused too, and reading ends where a limit is passed. Throws `JSON_INVALID`.
 */
export function readSubnetJson(source: string | Uint8Array, limits?: SubnetJsonLimits): SubnetJson {
  return new Reader(typeof source === "string" ? source : decodeUtf8(source), limits).document();
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid("is not valid UTF-8");
  }
}

class Reader {
  readonly #text: string;
  readonly #limits: SubnetJsonLimits | undefined;
  #at = 0;
  #keys = 0;
  #values = 0;
  // Sticky, so that a number is found in place and the text is never cut.
  readonly #number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;

  constructor(text: string, limits: SubnetJsonLimits | undefined) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): SubnetJson {
    const value = this.#value(0);
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(depth: number): SubnetJson {
    this.#values += 1;
    if (this.#limits && this.#values > this.#limits.maxValues) {
      throw invalid(`holds more than ${this.#limits.maxValues} values`);
    }
    this.#skipBlanks();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(this.#deeper(depth));
      case "[":
        return this.#array(this.#deeper(depth));
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#numberToken();
    }
  }

  #object(depth: number): SubnetObject {
    const object = new Map<string, SubnetJson>();
    this.#at += 1;
    if (this.#took("}")) return object;
    do {
      this.#skipBlanks();
      if (this.#text[this.#at] !== '"') throw this.#unexpected();
      const key = this.#string();
      if (this.#limits) this.#checkKey(object, key, this.#limits);
      if (!this.#took(":")) throw this.#unexpected();
      object.set(key, this.#value(depth));
    } while (this.#took(","));
    if (!this.#took("}")) throw this.#unexpected();
    return object;
  }

  /** Readers differ in which of two equal keys counts, so what one signs another may take for something else. */
  #checkKey(object: SubnetObject, key: string, { maxKeys }: SubnetJsonLimits): void {
    if (object.has(key)) throw invalid("names a key twice in one object");
    this.#keys += 1;
    if (this.#keys > maxKeys) throw invalid(`holds more than ${maxKeys} keys`);
  }

  #array(depth: number): SubnetArray {
    const floats = this.#floats();
    if (floats !== undefined) return floats;
    const array: SubnetJson[] = [];
    this.#at += 1;
    if (this.#took("]")) return array;
    do {
      array.push(this.#value(depth));
    } while (this.#took(","));
    if (!this.#took("]")) throw this.#unexpected();
    return array;
  }

  #floats(): SubnetArray | undefined {
    const unit = this.#text.charCodeAt(this.#at + 1);
    if (unit !== MINUS && !(unit >= ZERO && unit <= NINE)) return undefined;
    const room = this.#limits ? this.#limits.maxValues - this.#values : Number.POSITIVE_INFINITY;
    const read = readFloats(this.#text, this.#at, room);
    if (read === undefined) return undefined;
    this.#values += read.floats.length;
    this.#at = read.end;
    return read.floats;
  }

  #string(): string {
    const text = this.#text;
    let result = "";
    let start = this.#at + 1;
    for (let at = start; ; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        this.#at = at + 1;
        return result + text.slice(start, at);
      }
      if (unit === BACKSLASH) {
        result += text.slice(start, at) + this.#escape(at);
        at += text[at + 1] === "u" ? 5 : 1;
        start = at + 1;
      } else if (!(unit >= 0x20)) {
        // Control characters, and NaN at the end of the text.
        this.#at = at;
        throw this.#unexpected();
      }
    }
  }

  #escape(at: number): string {
    const letter = this.#text[at + 1] ?? "";
    if (letter === "u") {
      const digits = this.#text.slice(at + 2, at + 6);
      // A lone surrogate stays one, as in Python.
      if (fourHexDigits.test(digits)) return String.fromCharCode(Number.parseInt(digits, 16));
    } else {
      const meaning = simpleEscapes[letter];
      if (meaning !== undefined) return meaning;
    }
    this.#at = at;
    throw this.#unexpected();
  }

  #numberToken(): bigint | number {
    this.#number.lastIndex = this.#at;
    const match = this.#number.exec(this.#text);
    if (match === null) throw this.#unexpected();
    const [token, fraction, exponent] = match;
    if (fraction !== undefined || exponent !== undefined) {
      this.#at += token.length;
      return Number(token);
    }
    if (token.length > MAX_INT_DIGITS) throw invalid(`has an int of more than ${MAX_INT_DIGITS} digits`);
    this.#at += token.length;
    return BigInt(token);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  #took(mark: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    return true;
  }

  #skipBlanks(): void {
    // Local names: megabytes of blanks must not hold up everybody else.
    const text = this.#text;
    let at = this.#at;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) break;
      at += 1;
    }
    this.#at = at;
  }

  #deeper(depth: number): number {
    if (depth >= MAX_JSON_DEPTH) throw invalid(`is nested more than ${MAX_JSON_DEPTH} levels deep`);
    return depth + 1;
  }

  // The position only: text from outside has no place in an error.
  #unexpected(): EngramError {
    return this.#at >= this.#text.length ? invalid("ends too early") : invalid(`is malformed at character ${this.#at}`);
  }
}

function invalid(what: string): EngramError {
  return new EngramError("JSON_INVALID", `The JSON text ${what}.`, { fix: "Send strict JSON in UTF-8." });
}
