import { createHash } from "node:crypto";
import { z } from "zod";
import { type Cid, cidMatches, cidOf } from "../../../crypto/cid.ts";
import { EngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import { verifyHotkeySignature } from "../../../crypto/request-auth.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import {
  fromPlain,
  isSubnetObject,
  objectFromPlain,
  type SubnetJson,
  type SubnetObject,
  toPlain,
} from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import { writeCanonical, writePythonDefault } from "../../../crypto/subnet-json-writer.ts";
import { sameChain } from "../../protocol/same-chain.ts";
import type { Memory, Metadata } from "../memory.ts";
import { assertPublicMetadata, isReserved } from "./reserved-metadata.ts";
import type { HotkeySigner } from "./signer.ts";

declare const publicRecordBrand: unique symbol;

/** A memory its author chose to show; a private one is not assignable. */
export type PublicMemory = Memory & { readonly visibility: "public" };

/** A record that anyone may read. Made from a `PublicMemory` alone. */
export interface PublicRecord {
  readonly [publicRecordBrand]: true;
  /** The metadata object as sent, JSON text. */
  readonly metadata: string;
  /** What is embedded: this part's text. */
  readonly text: string;
}

/** A public memory, or part of one, whose author's signature was verified. */
export interface AuthoredPart {
  readonly author: Hotkey;
  readonly id: string;
  readonly part: number;
  readonly parts: number;
  readonly text: string;
  readonly metadata: Metadata;
  readonly session: string;
  readonly seq: number;
  readonly at: number;
  readonly createdAt: number;
  readonly speaker?: string;
  readonly expiresAt?: number;
  readonly replaces?: string;
}

/** PY-DEFAULT length of a record's metadata (spec 8.1). */
const MAX_METADATA_BYTES = 4096;
/** `author_sig` is added after the text was cut: its field and 130 characters of hex. */
const SIGNATURE_BYTES = 160;
const MAX_PARTS = 999;

const detailsSchema = z.object({
  v: z.literal(1),
  id: z.string().max(64),
  part: z.number().int().min(0),
  parts: z.number().int().min(1).max(MAX_PARTS),
  session: z.string(),
  seq: z.number().int(),
  at: z.number().int(),
  created: z.number().int(),
  chain: z.string().max(200),
  speaker: z.string().optional(),
  expires: z.number().int().optional(),
  replaces: z.string().optional(),
});

/** The records of a public memory, signed by its author. Throws `METADATA_RESERVED`, `MEMORY_TOO_LARGE`. */
export function publicRecords(memory: PublicMemory, chain: string, signer: HotkeySigner): readonly PublicRecord[] {
  assertPublicMetadata(memory.metadata);
  const frame = (text: string, part: number, parts: number) => ({
    ...memory.metadata,
    text,
    author: signer.hotkey,
    engram: {
      v: 1,
      id: memory.id,
      part,
      parts,
      session: memory.session,
      seq: memory.seq,
      at: memory.at,
      created: memory.createdAt,
      chain,
      speaker: memory.speaker,
      expires: memory.expiresAt,
      replaces: memory.replaces,
    },
  });
  const overhead = writePythonDefault(objectFromPlain(frame("", MAX_PARTS, MAX_PARTS))).length;
  const room = MAX_METADATA_BYTES - SIGNATURE_BYTES - overhead;
  if (room < 256) {
    throw new EngramError("MEMORY_TOO_LARGE", "the metadata of this public memory leaves no room for its text", {
      fix: "shorten the metadata: a public record's metadata and text share 4096 bytes",
    });
  }
  const texts = cutText(memory.text, room);
  if (texts.length > MAX_PARTS) {
    throw new EngramError("MEMORY_TOO_LARGE", `this public memory would take ${texts.length} records`, {
      fix: "store it in several memories",
    });
  }
  return texts.map((text, part) => signed(objectFromPlain(frame(text, part, texts.length)), text, signer));
}

/** The record that a journal row holds. Only rows of public memories get here: the row says so, and it is checked. */
export function publicRecordFromJournal(row: { readonly metadata: string }): PublicRecord {
  const metadata = readSubnetJson(row.metadata);
  const text = isSubnetObject(metadata) ? metadata.get("text") : undefined;
  if (!isSubnetObject(metadata) || metadata.has("_enc") || typeof text !== "string") {
    throw new EngramError("JOURNAL_BROKEN", "a public record of the journal is not a public memory");
  }
  return { metadata: row.metadata, text } as PublicRecord;
}

export function publicRecordCid(record: PublicRecord, embedding: Float32Array): Cid {
  return cidOf({ embedding, metadata: metadataOf(record.metadata) });
}

/** Whether a miner's CID is that of this record in either form found on the subnet (spec 2.3, M-W13). */
export function isPublicRecordCid(cid: string, record: PublicRecord, embedding: Float32Array): boolean {
  return cidMatches(cid, { embedding, metadata: metadataOf(record.metadata) });
}

/**
 * The authored content of a public record's metadata, or `undefined` when the author's signature does not verify for
 * this chain. Keys that begin with `_` are a miner's additions and are dropped (spec 9.5).
 */
export function verifyAuthor(metadata: SubnetObject, chain: string, sr25519: Sr25519): AuthoredPart | undefined {
  const [text, author, signature] = ["text", "author", "author_sig"].map((key) => metadata.get(key));
  const details = detailsSchema.safeParse(plainOf(metadata.get("engram")));
  if (typeof text !== "string" || typeof author !== "string" || typeof signature !== "string") return undefined;
  if (!details.success || !sameChain(chain, details.data.chain) || !isHotkey(author)) return undefined;
  const { created: createdAt, expires: expiresAt, chain: _, v: __, speaker, replaces, ...rest } = details.data;
  if (!verifyHotkeySignature(sr25519, author, authorMessage(metadata, details.data.chain, createdAt), signature))
    return undefined;
  const own = new Map([...metadata].filter(([key]) => !isReserved(key)));
  return {
    ...rest,
    author,
    text,
    metadata: toPlain(own) as Metadata,
    createdAt,
    ...(speaker === undefined ? {} : { speaker }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

function signed(metadata: SubnetObject, text: string, signer: HotkeySigner): PublicRecord {
  const details = plainOf(metadata.get("engram")) as { readonly chain: string; readonly created: number };
  const signature = signer.sign(authorMessage(metadata, details.chain, details.created));
  const complete = new Map<string, SubnetJson>([...metadata, ["author_sig", fromPlain(`0x${toHex(signature)}`)]]);
  return { metadata: writePythonDefault(complete), text } as PublicRecord;
}

/** What an author signs: the content's hash, when it was made, and the chain it is meant for. */
function authorMessage(metadata: SubnetObject, chain: string, createdAt: number): Uint8Array {
  const content = new Map([...metadata].filter(([key]) => key !== "author_sig" && !key.startsWith("_")));
  const hash = createHash("sha256").update(writeCanonical(content), "utf8").digest("hex");
  return Buffer.from(`engram-author/1:${chain}:${createdAt}:${hash}`, "utf8");
}

function metadataOf(text: string): SubnetObject {
  const metadata = readSubnetJson(text);
  if (!isSubnetObject(metadata)) throw new EngramError("JOURNAL_BROKEN", "a record's metadata is not an object");
  return metadata;
}

function plainOf(value: SubnetJson | undefined): unknown {
  return value === undefined ? undefined : toPlain(value);
}

const SENTENCE_END = /[.!?…。！？]["'”’)\]]*\s/gu;

/** Cuts at sentence ends, else at blanks, else anywhere, so that each part's JSON takes at most `maxBytes`. */
function cutText(text: string, maxBytes: number): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest !== "") {
    const fitting = fittingLength(rest, maxBytes);
    if (fitting >= rest.length) return [...parts, rest];
    const head = rest.slice(0, fitting);
    const sentence = [...head.matchAll(SENTENCE_END)].at(-1);
    const blank = head.lastIndexOf(" ") + 1;
    const border = sentence ? sentence.index + sentence[0].length : blank;
    const at = border > fitting / 4 ? border : fitting;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return parts.length > 0 ? parts : [""];
}

/** How many UTF-16 units of `text` fit when every non-ASCII unit takes six bytes (spec 1.3). */
function fittingLength(text: string, maxBytes: number): number {
  let bytes = 0;
  let units = 0;
  for (const character of text) {
    bytes += writePythonDefault(character).length - 2;
    if (bytes > maxBytes) return units;
    units += character.length;
  }
  return units;
}
