import { hash } from "node:crypto";
import { embeddingBytes } from "./embedding-hash.ts";
import { pythonStr } from "./python-text.ts";
import type { SubnetJson, SubnetObject } from "./subnet-json.ts";
import { writeCanonical, writeRust } from "./subnet-json-writer.ts";

declare const cidBrand: unique symbol;

/** `v1::` and 64 lower-case hex digits: the address of a record (spec 2.1). */
export type Cid = string & { readonly [cidBrand]: true };

/** What a CID is computed from. */
export interface CidContent {
  /** As stored: not normalised. */
  readonly embedding: Float32Array | readonly number[];
  readonly metadata: SubnetObject;
  /** Defaults to `v1`. */
  readonly modelVersion?: string;
}

/** The CID we emit: the Python form, which keeps value types (spec 2.3, M-W13). */
export function cidOf(content: CidContent): Cid {
  return digest(content, pythonMetadataText(content));
}

/** Whether `cid` is the content's CID in either form found on the subnet (spec 2.3). */
export function cidMatches(cid: string, content: CidContent): boolean {
  return cid === cidOf(content) || cid === rustCidOf(content);
}

/** The CID in the Rust form, as miners with the native extension emit it. */
export function rustCidOf(content: CidContent): Cid {
  return digest(content, rustMetadataText(content));
}

/** The hashed metadata text of the Python form: the metadata's own `model_version` wins (spec 2.2). */
export function pythonMetadataText({ metadata, modelVersion = "v1" }: Omit<CidContent, "embedding">): string {
  return writeCanonical(new Map<string, SubnetJson>([["model_version", modelVersion], ...metadata]));
}

/** The hashed metadata text of the Rust form: every value as text, and the argument's `model_version` wins (spec 2.3). */
export function rustMetadataText({ metadata, modelVersion = "v1" }: Omit<CidContent, "embedding">): string {
  const texts = Array.from(metadata, ([key, value]): [string, string] => [key, pythonStr(value)]);
  return writeRust(new Map<string, SubnetJson>([...texts, ["model_version", modelVersion]]));
}

/** The parts of a CID as leniently as the reference reads it: no hex check, any version (spec 2.4). */
export function parseCid(text: string): { readonly version: string; readonly digest: string } | undefined {
  const border = text.indexOf("::");
  if (border < 0) return undefined;
  const digestText = text.slice(border + 2);
  return [...digestText].length === 64 ? { version: text.slice(0, border), digest: digestText } : undefined;
}

/** Whether `text` is a CID as this project writes and stores it (M-W32). */
export function isCid(text: string): text is Cid {
  return /^v1::[0-9a-f]{64}$/.test(text);
}

function digest(content: CidContent, metadataText: string): Cid {
  const bytes = Buffer.concat([embeddingBytes(content.embedding), Buffer.from(metadataText, "utf8")]);
  return `v1::${hash("sha256", bytes, "hex")}` as Cid;
}
