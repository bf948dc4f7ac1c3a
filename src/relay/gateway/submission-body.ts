import { GatewayRefusal } from "./refusal.ts";

/** A memory output of 100 texts, each character escaped, is smaller. */
export const MAX_SUBMISSION_BYTES = 2 * 1024 * 1024;
/** A key, a signature and a hash are a tenth of it. */
export const MAX_COSIGNATURE_BYTES = 4_096;

/** The text of a submission, or of what has at most `most` bytes. Throws `GatewayRefusal` `too_large` or `malformed`. */
export async function readSubmissionBody(request: Request, most = MAX_SUBMISSION_BYTES): Promise<string> {
  // A few bytes can unpack to gigabytes.
  if ((request.headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new GatewayRefusal("malformed", "compressed bodies are not taken; send it uncompressed");
  }
  if (Number(request.headers.get("content-length") ?? 0) > most) throw tooLarge(most);
  const bytes = await readCapped(request, most);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new GatewayRefusal("malformed", "the body is not UTF-8");
  }
}

async function readCapped({ body }: Request, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      // Leaving the loop cancels the stream: the rest is not read.
      if (size > most) throw tooLarge(most);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof GatewayRefusal ? error : new GatewayRefusal("malformed", "the body ended too early");
  }
  return Buffer.concat(chunks);
}

function tooLarge(most: number): GatewayRefusal {
  return new GatewayRefusal("too_large", `this body has at most ${most} bytes`);
}
