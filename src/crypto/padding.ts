import { EngramError } from "./errors.ts";

/** Body lengths of replies to private queries (spec 9.2). */
const responseBuckets = [1024, 4096, 16384, 65536] as const;
const TOP_BUCKET = 65536;
/** `, "_p": ""`: what an empty pad adds to a body. */
const RESPONSE_PAD_FIELD = 10;

/**
 * How many characters of `_p` bring a PY-DEFAULT body of `length` bytes to its bucket (spec 9.2). Above the reference's
 * top bucket, where it pads nothing, the next multiple of 65536 is used (M-W24).
 */
export function responsePad(length: number): number {
  const unpadded = length + RESPONSE_PAD_FIELD;
  // The reference leaves room for two characters before it takes a bucket, and for one in the last.
  const bucket =
    responseBuckets.find((size) => size >= unpadded + 2) ?? Math.ceil((unpadded + 1) / TOP_BUCKET) * TOP_BUCKET;
  return bucket - unpadded;
}

/** How long a reply to a private request that took `elapsedMs` is held back: until a whole step of 100 ms (spec 9.2). */
export function responseTargetMs(elapsedMs: number): number {
  return Math.ceil(Math.max(elapsedMs, 1) / 100) * 100;
}

/**
 * Plaintext lengths of envelopes. The last one still fits: sealed and in base64url it makes `{"_enc": "…"}` just under
 * the 4096 bytes that miners allow for metadata (spec 10.4).
 */
const envelopeBuckets = [256, 512, 1024, 2048, 3003] as const;
/** `,"_pad":""`. */
const ENVELOPE_PAD_FIELD = 10;

/** The longest JSON text that fits an envelope, in UTF-8 bytes. */
export const MAX_ENVELOPE_JSON_BYTES = 3003 - ENVELOPE_PAD_FIELD;

/**
 * Lengthens the text of a non-empty JSON object by a last key `_pad` so that its UTF-8 form fills a bucket: the length
 * of an envelope then tells next to nothing about the text. Readers ignore the key. Throws `ENVELOPE_TOO_LARGE`.
 */
export function padEnvelopeJson(objectText: string): Uint8Array {
  if (!/^\{".*\}$/s.test(objectText)) throw new RangeError("only the text of a non-empty object can be padded");
  const length = Buffer.byteLength(objectText, "utf8");
  const bucket = envelopeBuckets.find((size) => size >= length + ENVELOPE_PAD_FIELD);
  if (bucket === undefined) {
    throw new EngramError(
      "ENVELOPE_TOO_LARGE",
      `This memory takes ${length} bytes; an envelope holds ${MAX_ENVELOPE_JSON_BYTES}.`,
      {
        fix: "Split the text into parts or shorten the metadata.",
      },
    );
  }
  const pad = "x".repeat(bucket - length - ENVELOPE_PAD_FIELD);
  return Buffer.from(`${objectText.slice(0, -1)},"_pad":"${pad}"}`, "utf8");
}
