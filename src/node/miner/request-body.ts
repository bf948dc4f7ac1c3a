import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { MAX_BODY_BYTES } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";

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
  const body = readSubnetJson(bytes);
  if (!isSubnetObject(body)) throw new Refusal(400, "the body must be a JSON object");
  return body;
}

async function readCapped(request: Request, maxBytes: number): Promise<Uint8Array> {
  const stated = request.headers.get("content-length");
  if (stated !== null && Number(stated) > maxBytes) throw tooLarge(maxBytes);
  try {
    // The HTTP parser holds a sender to the length it stated.
    if (stated !== null) return new Uint8Array(await request.arrayBuffer());
    return await readStream(request, maxBytes);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, "the body ended too early; send it again");
  }
}

async function readStream({ body }: Request, maxBytes: number): Promise<Uint8Array> {
  if (!body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream: the rest is not read.
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal(413, `the body has more than ${maxBytes} bytes; send less`);
}
