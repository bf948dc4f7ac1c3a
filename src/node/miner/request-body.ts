import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { MAX_BODY_BYTES, MAX_BODY_BYTES_AT_ONCE, MAX_BODY_KEYS, MAX_BODY_VALUES } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";

/** Bodies up to here are not counted: as many as are worked on at once take 32 MB. */
const SMALL_BODY_BYTES = 64 * 1024;
const LIMITS = { maxKeys: MAX_BODY_KEYS, maxValues: MAX_BODY_VALUES };

/** Bytes of larger bodies that are being received, by all miners of this process: memory is the process's. */
let receivedAtOnce = 0;

/**
 * The JSON object of a request; an empty body is an empty object. The content type does not matter (spec 7). Throws
 * `Refusal` 413, 415 or 400, and `JSON_INVALID`.
 */
export async function readBody(request: Request): Promise<SubnetObject> {
  return parseBody(await readBytes(request, MAX_BODY_BYTES));
}

/** The bytes of a request, for those who verify a signature of them before they parse. Throws `Refusal` 413, 415. */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding") ?? "identity";
  // A few bytes can unpack to gigabytes.
  if (encoding !== "identity") throw new Refusal(415, "compressed bodies are not taken; send it uncompressed");
  return readCapped(request, maxBytes);
}

/** The JSON object in the bytes; none is an empty object. Throws `Refusal` 400, and `JSON_INVALID`. */
export function parseBody(bytes: Uint8Array): SubnetObject {
  if (bytes.length === 0) return new Map();
  const body = readSubnetJson(bytes, LIMITS);
  if (!isSubnetObject(body)) throw new Refusal(400, "the body must be a JSON object");
  return body;
}

async function readCapped(request: Request, maxBytes: number): Promise<Uint8Array> {
  const stated = request.headers.get("content-length");
  if (stated !== null && Number(stated) > maxBytes) throw tooLarge(maxBytes);
  try {
    // The HTTP parser holds a sender to the length it stated; one that is no number states nothing.
    if (Number(stated ?? Number.NaN) <= SMALL_BODY_BYTES) return new Uint8Array(await request.arrayBuffer());
    return await readStream(request, maxBytes);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, "the body ended too early; send it again");
  }
}

async function readStream({ body }: Request, maxBytes: number): Promise<Uint8Array> {
  if (!body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  // At once, not when the stream has ended: whoever is refused must not get the others refused with them.
  const release = () => {
    receivedAtOnce -= size;
    size = 0;
  };
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      receivedAtOnce += chunk.byteLength;
      // Leaving the loop cancels the stream: the rest is not read.
      if (size > maxBytes) throw tooLarge(maxBytes);
      if (receivedAtOnce > MAX_BODY_BYTES_AT_ONCE) {
        release();
        throw new Refusal(503, "this miner receives as much as it can; send it again", { retryAfterSeconds: 1 });
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    release();
  }
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal(413, `the body has more than ${maxBytes} bytes; send less`);
}
