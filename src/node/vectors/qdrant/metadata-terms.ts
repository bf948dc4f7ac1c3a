import { createHmac } from "node:crypto";
import { pythonStr } from "../../../crypto/python-text.ts";
import { isSubnetObject } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";

/** Of records with more terms only this is known: `OVERFLOW`. */
const MAX_TERMS = 256;
const TERM_BYTES = 12;

/**
 * What filters ask of metadata, as keyed hashes: the index then holds nothing a person could read, metadata cannot take
 * the place of the index's own fields (M-W7), and one payload index serves every key.
 */
export class MetadataTerms {
  readonly #salt: Uint8Array;
  /** Stands on records whose terms are too many: every filter must let them pass. */
  readonly overflow: string;

  constructor(salt: Uint8Array) {
    this.#salt = salt;
    this.overflow = this.#term(["overflow"]);
  }

  /** Metadata has this key. */
  exists(key: string): string {
    return this.#term(["exists", key]);
  }

  /** The key's value, or an item of its list, is this one. */
  equals(key: string, value: string | number | boolean | null): string {
    return this.#term(["equals", key, Object.is(value, -0) ? 0 : value]);
  }

  /** The key's value is this as Python text (spec 8.2). */
  reads(key: string, text: string): string {
    return this.#term(["reads", key, text]);
  }

  /** Every term of a record's metadata. */
  of(metadata: string): string[] {
    const terms = new Set<string>();
    for (const [key, value] of Object.entries(JSON.parse(metadata) as Record<string, unknown>)) {
      terms.add(this.exists(key));
      for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (isScalar(item)) terms.add(this.equals(key, item));
        if (terms.size > MAX_TERMS) return [this.overflow];
      }
    }
    for (const [key, text] of pythonTexts(metadata)) terms.add(this.reads(key, text));
    return terms.size > MAX_TERMS ? [this.overflow] : [...terms];
  }

  /** As JSON, where different texts stay different whatever characters they are made of. */
  #term(parts: readonly unknown[]): string {
    const hash = createHmac("sha256", this.#salt).update(JSON.stringify(parts)).digest();
    return hash.subarray(0, TERM_BYTES).toString("base64url");
  }
}

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function pythonTexts(metadata: string): readonly (readonly [string, string])[] {
  try {
    const document = readSubnetJson(metadata);
    return isSubnetObject(document) ? [...document].map(([key, value]) => [key, pythonStr(value)]) : [];
  } catch {
    // Filters read such metadata as empty, too.
    return [];
  }
}
