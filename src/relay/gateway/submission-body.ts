import { GatewayRefusal } from "./refusal.ts";

/** A memory output of 100 texts, each character escaped, is smaller. */
export const MAX_SUBMISSION_BYTES = 2 * 1024 * 1024;

/** The text of a submission. Throws `GatewayRefusal` `too_large` or `malformed`. */
export async function readSubmissionBody(request: Request): Promise<string> {
  // A few bytes can unpack to gigabytes.
  if ((request.headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new GatewayRefusal("malformed", "compressed bodies are not taken; send it uncompressed");
  }
  if (Number(request.headers.get("content-length") ?? 0) > MAX_SUBMISSION_BYTES) throw tooLarge();
  const bytes = await readCapped(request);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new GatewayRefusal("malformed", "the body is not UTF-8");
  }
}

async function readCapped({ body }: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      // Leaving the loop cancels the stream: the rest is not read.
      if (size > MAX_SUBMISSION_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof GatewayRefusal ? error : new GatewayRefusal("malformed", "the body ended too early");
  }
  return Buffer.concat(chunks);
}

function tooLarge(): GatewayRefusal {
  return new GatewayRefusal("too_large", `a submission has at most ${MAX_SUBMISSION_BYTES} bytes`);
}
