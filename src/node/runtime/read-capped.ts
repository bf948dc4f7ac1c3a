import { EngramError } from "../../crypto/errors.ts";

/**
 * A response's body, at most `maxBytes` of it; reading ends with `signal`. Errors: `HTTP_TOO_LARGE`, and the signal's
 * reason.
 */
export async function readCapped(response: Response, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  if (!response.body) return Buffer.alloc(0);
  const reader = response.body.getReader();
  // A response made in process does not know the signal: stop reading it all the same.
  const stop = () => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return Buffer.concat(chunks);
      size += value.byteLength;
      if (size > maxBytes) {
        stop();
        throw new EngramError("HTTP_TOO_LARGE", `the reply has more than ${maxBytes} bytes`);
      }
      chunks.push(value);
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
