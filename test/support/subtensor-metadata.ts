import { METADATA } from "./subtensor-ledger.ts";

/** The real description with names exchanged for others of the same length: a runtime that lacks or has something. */
export function metadataWith(names: Readonly<Record<string, string>>): Buffer {
  let text = METADATA.toString("latin1");
  for (const [name, other] of Object.entries(names)) {
    const [marked, replacement] = [name, other].map((word) => `${String.fromCharCode(word.length << 2)}${word}`) as [
      string,
      string,
    ];
    if (name.length !== other.length || !text.includes(marked)) throw new Error(`cannot exchange ${name}`);
    text = text.replaceAll(marked, replacement);
  }
  return Buffer.from(text, "latin1");
}
