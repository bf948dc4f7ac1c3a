import { type Cid, cidOf } from "../../../crypto/cid.ts";
import { envelopeUnreadable, openEnvelope, sealEnvelope } from "../../../crypto/envelope.ts";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import type { NamespaceSecret } from "../../../crypto/keys.ts";
import { MAX_ENVELOPE_JSON_BYTES, padEnvelopeJson } from "../../../crypto/padding.ts";
import { recordMac, recordMacMatches } from "../../../crypto/record-mac.ts";
import { sealedVector } from "../../../crypto/sealed-vector.ts";
import { isSubnetObject, objectFromPlain, type SubnetJson, type SubnetObject } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import { writeRust } from "../../../crypto/subnet-json-writer.ts";
import type { NamespaceAccess } from "./namespace-access.ts";

declare const privateRecordBrand: unique symbol;

/** What a private record says: a memory, that one was forgotten, or what a namespace is called. */
export type RecordKind = "memory" | "tombstone" | "namespace";

/**
 * A record that only its namespace's owner can read. The brand keeps it off the public path: whatever sends public
 * records does not take this type, and nothing else makes it (design: private records can never take the public path).
 */
export interface PrivateRecord {
  readonly [privateRecordBrand]: true;
  readonly wireName: string;
  /** Seeds the sealed vector: `{kind}/{id}/{part}`. */
  readonly recordId: string;
  /** The metadata as sent: `{"_enc": …}` alone. */
  readonly metadata: string;
}

/** One opened envelope, checked to be the owner's own and to belong to this namespace. */
export interface OpenedPart {
  readonly kind: RecordKind;
  readonly id: string;
  readonly part: number;
  readonly parts: number;
  readonly recordId: string;
  readonly wireName: string;
  /** The whole content when there is one part, else a piece of its text. */
  readonly content: SubnetObject | string;
}

const VERSION = 1n;
const MAX_PARTS = 999;
/** `,"mac":"` 64 digits `"`. */
const MAC_FIELD_BYTES = 73;
const CONTENT_BYTES = MAX_ENVELOPE_JSON_BYTES - MAC_FIELD_BYTES;
const OWN_KEYS: ReadonlySet<string> = new Set(["v", "kind", "ns", "id", "part", "parts", "piece", "mac", "_pad"]);

/**
 * Seals `content` into as many records as it takes: one envelope each, padded, with namespace and id inside (M-W27).
 * A content that fits one envelope keeps `text` and `metadata` where other readers of the scheme look (spec 10.1).
 * Throws `MEMORY_TOO_LARGE`.
 */
export function sealRecords(
  access: NamespaceAccess,
  kind: RecordKind,
  id: string,
  content: Readonly<Record<string, unknown>>,
): readonly PrivateRecord[] {
  const body = objectFromPlain(content);
  const head: [string, SubnetJson][] = [
    ["v", VERSION],
    ["kind", kind],
    ["ns", access.wireName],
    ["id", id],
  ];
  const whole = writeRust(new Map<string, SubnetJson>([...body, ...head, ["part", 0n], ["parts", 1n]]));
  if (Buffer.byteLength(whole) <= CONTENT_BYTES) return [seal(access, recordIdOf(kind, id, 0), whole)];
  const frame = (part: number, parts: number, piece: string) =>
    writeRust(
      new Map<string, SubnetJson>([...head, ["part", BigInt(part)], ["parts", BigInt(parts)], ["piece", piece]]),
    );
  const pieces = cut(writeRust(body), CONTENT_BYTES - Buffer.byteLength(frame(MAX_PARTS, MAX_PARTS, "")));
  if (pieces.length > MAX_PARTS) {
    throw new EngramError(
      "MEMORY_TOO_LARGE",
      `this memory would take ${pieces.length} records; ${MAX_PARTS} are allowed`,
      {
        fix: "store it in several memories",
      },
    );
  }
  return pieces.map((piece, part) => seal(access, recordIdOf(kind, id, part), frame(part, pieces.length, piece)));
}

/** The record that a journal row holds; its metadata was made by `sealRecords` in an earlier run. */
export function privateRecordFromJournal(row: {
  readonly wireName: string;
  readonly recordId: string;
  readonly metadata: string;
}): PrivateRecord {
  const metadata = readSubnetJson(row.metadata);
  if (!isSubnetObject(metadata) || metadata.size !== 1 || typeof metadata.get("_enc") !== "string") {
    throw new EngramError("JOURNAL_BROKEN", "a private record of the journal holds more than its envelope");
  }
  return { wireName: row.wireName, recordId: row.recordId, metadata: row.metadata } as PrivateRecord;
}

/** The CID the record has on a miner of this dimension. */
export function privateRecordCid(access: NamespaceAccess, record: PrivateRecord, dimension: number): Cid {
  return cidOf({
    embedding: sealedVector(access.vectorSecret, record.recordId, dimension),
    metadata: new Map<string, SubnetJson>([["_enc", envelopeOf(record.metadata)]]),
  });
}

/**
 * Opens the envelope of a listed record. Throws `ENVELOPE_UNREADABLE` or `RECORD_FORGED`: whoever wrote it was not the
 * owner of this namespace, or it was moved here from elsewhere.
 */
export function openRecord(access: NamespaceAccess, envelope: string): OpenedPart {
  const { plaintext, secret } = unsealed(access, envelope);
  const document = readSubnetJson(plaintext);
  if (!isSubnetObject(document)) throw forged();
  const mac = document.get("mac");
  const sealed = new Map([...document].filter(([key]) => key !== "mac" && key !== "_pad"));
  if (typeof mac !== "string" || !recordMacMatches(secret, writeRust(sealed), mac)) throw forged();
  const [kind, id, part, parts] = ["kind", "id", "part", "parts"].map((key) => document.get(key));
  const known = kind === "memory" || kind === "tombstone" || kind === "namespace";
  if (document.get("v") !== VERSION || document.get("ns") !== access.wireName || !known) throw forged();
  if (typeof id !== "string" || typeof part !== "bigint" || typeof parts !== "bigint") throw forged();
  if (part < 0n || part >= parts || parts > BigInt(MAX_PARTS)) throw forged();
  const piece = document.get("piece");
  const content = new Map([...document].filter(([key]) => !OWN_KEYS.has(key)));
  if (parts > 1n && typeof piece !== "string") throw forged();
  return {
    kind,
    id,
    part: Number(part),
    parts: Number(parts),
    recordId: recordIdOf(kind, id, Number(part)),
    wireName: access.wireName,
    content: typeof piece === "string" ? piece : content,
  };
}

/** By the key of the epoch it was sealed in: nothing outside the envelope tells which that was. */
function unsealed(access: NamespaceAccess, envelope: string): { plaintext: Uint8Array; secret: NamespaceSecret } {
  for (const { secret, keys } of [access, ...access.older]) {
    try {
      return { plaintext: openEnvelope(envelope, keys.privateKey), secret };
    } catch (error) {
      if (!isEngramError(error, "ENVELOPE_UNREADABLE")) throw error;
    }
  }
  throw envelopeUnreadable();
}

/** The content of parts 0 … n−1 in order; `undefined` while one is missing or they do not fit together. */
export function joinParts(parts: readonly OpenedPart[]): SubnetObject | undefined {
  const [first] = parts;
  if (!first || parts.length !== first.parts) return undefined;
  if (typeof first.content !== "string") return first.content;
  if (parts.some((part, index) => part.part !== index || typeof part.content !== "string")) return undefined;
  const document = readSubnetJson(parts.map((part) => part.content).join(""));
  return isSubnetObject(document) ? document : undefined;
}

/** The envelope inside metadata as sent. */
export function envelopeOf(metadata: string): string {
  const document = readSubnetJson(metadata);
  const envelope = isSubnetObject(document) ? document.get("_enc") : undefined;
  return typeof envelope === "string" ? envelope : "";
}

function recordIdOf(kind: RecordKind, id: string, part: number): string {
  return `${kind}/${id}/${part}`;
}

function seal(access: NamespaceAccess, recordId: string, content: string): PrivateRecord {
  const sealed = `${content.slice(0, -1)},"mac":"${recordMac(access.secret, content)}"}`;
  const envelope = sealEnvelope(padEnvelopeJson(sealed), access.keys.publicKey);
  return { wireName: access.wireName, recordId, metadata: JSON.stringify({ _enc: envelope }) } as PrivateRecord;
}

/** Cuts a text so that each piece, written as JSON, takes at most `maxBytes`. */
function cut(text: string, maxBytes: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(writeRust(character)) - 2;
    if (bytes + size > maxBytes) {
      pieces.push(piece);
      piece = "";
      bytes = 0;
    }
    piece += character;
    bytes += size;
  }
  return [...pieces, piece];
}

function forged(): EngramError {
  return new EngramError("RECORD_FORGED", "this record was not written by the owner of the namespace it lies in");
}
