import { createHash } from "node:crypto";
import { EngramError } from "./errors.ts";
import { fromHex, toHex } from "./hex.ts";
import { SIGNATURE_BYTES, type Sr25519 } from "./sr25519.ts";
import { decodeHotkey, type Hotkey } from "./ss58.ts";
import { isSubnetObject, type SubnetJson, type SubnetObject } from "./subnet-json.ts";
import { readSubnetJson } from "./subnet-json-reader.ts";
import { writeCanonical } from "./subnet-json-writer.ts";

/** How far a request's nonce may be from the receiver's clock, both ends included (spec 5.2). */
export const REQUEST_WINDOW_MS = 30_000;
/** The same for the timestamp of a namespace signature (spec 6.2). */
export const NAMESPACE_WINDOW_MS = 60_000;

const authFields: ReadonlySet<string> = new Set(["hotkey", "nonce", "signature"]);

/** Whether `time` (unix ms, as sent) lies in a window around `now`. */
export function isWithinWindow(now: number, time: bigint | number, windowMs: number): boolean {
  return Math.abs(now - Number(time)) <= windowMs;
}

/** The text whose hash is signed: the body without the three top-level fields, in PY-CANON (spec 5.1). */
export function canonicalPayload(body: SubnetObject): string {
  return writeCanonical(new Map<string, SubnetJson>([...body].filter(([key]) => !authFields.has(key))));
}

/** The signed bytes of a request (spec 5.1). `endpoint` is its fixed name, `nonce` unix milliseconds. */
export function requestMessage(nonce: bigint | number, endpoint: string, body: SubnetObject): Uint8Array {
  return messageOf(nonce, endpoint, payloadHash(body));
}

function payloadHash(body: SubnetObject): string {
  return createHash("sha256").update(canonicalPayload(body), "utf8").digest("hex");
}

function messageOf(nonce: bigint | number, endpoint: string, hash: string): Uint8Array {
  return Buffer.from(`${nonce}:${endpoint}:${hash}`, "utf8");
}

/** The signed bytes of a namespace's owner (spec 6.2). */
export function namespaceMessage(namespace: string, timestampMs: bigint | number): Uint8Array {
  return Buffer.from(`engram-ns:${namespace}:${timestampMs}`, "utf8");
}

/** The signed bytes of a namespace's attestation (spec 6.5). */
export function attestationMessage(namespace: string, timestampMs: bigint | number): Uint8Array {
  return Buffer.from(`engram-attest:${namespace}:${timestampMs}`, "utf8");
}

/**
 * What the new key of a namespace signs before the old one hands the namespace over: nobody becomes an owner unasked,
 * and a mistyped hotkey locks nobody out. Names have no colon and hotkeys are of one length, so that no two readings
 * make the same bytes.
 */
export function ownerChangeMessage(namespace: string, from: Hotkey, to: Hotkey): Uint8Array {
  return Buffer.from(`engram-ns-owner/1:${from}:${to}:${namespace}`, "utf8");
}

/** A body that was read back and hashed as its receivers will see it. What goes to many needs that once. */
export interface PreparedBody {
  /** Up to where the fields of the signature follow. */
  readonly opened: string;
  readonly hash: string;
}

/** `bodyText` is the JSON object as it will be sent, without hotkey, nonce and signature. */
export function prepareRequestBody(bodyText: string): PreparedBody {
  const body = readSubnetJson(bodyText);
  if (!isSubnetObject(body)) throw unsignable("must be a JSON object");
  if ([...authFields].some((field) => body.has(field))) throw unsignable("already has a hotkey, nonce or signature");
  return { opened: `${bodyText.trimEnd().slice(0, -1)}${body.size > 0 ? "," : ""}`, hash: payloadHash(body) };
}

/** The prepared body with `hotkey`, `nonce` and `signature` added. */
export function signPreparedBody(
  { opened, hash }: PreparedBody,
  { endpoint, nonce, hotkey, sign }: Omit<SignRequestOptions, "bodyText">,
): string {
  const signature = `0x${toHex(sign(messageOf(nonce, endpoint, hash)))}`;
  return `${opened}${JSON.stringify({ hotkey, nonce, signature }).slice(1)}`;
}

export interface SignRequestOptions {
  /** The JSON object as it will be sent, without the three fields. */
  readonly bodyText: string;
  readonly endpoint: string;
  /** Unix milliseconds; a fresh one for each attempt (M-W37). */
  readonly nonce: number;
  readonly hotkey: Hotkey;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/**
 * The body text with `hotkey`, `nonce` and `signature` added. The text is read back and hashed as the receiver will
 * see it, and then only extended, so that what is signed is what is sent (spec 5.3, M-W44).
 */
export function signRequestBody({ bodyText, ...options }: SignRequestOptions): string {
  return signPreparedBody(prepareRequestBody(bodyText), options);
}

/**
 * Whether `signatureHex` is the hotkey's signature of `message`, plain or wrapped in `<Bytes>` as browser wallets make
 * it (spec 5.1). Malformed input of any kind is `false`.
 */
export function verifyHotkeySignature(
  sr25519: Sr25519,
  hotkey: string,
  message: Uint8Array,
  signatureHex: string,
): boolean {
  const publicKey = decodeHotkey(hotkey);
  const signature = fromHex(signatureHex, SIGNATURE_BYTES);
  if (publicKey === undefined || signature === undefined) return false;
  if (sr25519.verify(signature, message, publicKey)) return true;
  const wrapped = Buffer.concat([Buffer.from("<Bytes>"), message, Buffer.from("</Bytes>")]);
  return sr25519.verify(signature, wrapped, publicKey);
}

function unsignable(what: string): EngramError {
  return new EngramError("REQUEST_UNSIGNABLE", `A request body to be signed ${what}.`);
}
