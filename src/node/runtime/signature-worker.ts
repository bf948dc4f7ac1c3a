import { parentPort } from "node:worker_threads";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import { checkSignature, type SignatureCheck } from "./signature-check.ts";
import { asFailure, type CallReply, CLOSE, onRequest, type WorkerReady } from "./worker-calls.ts";

/** What a signature worker does for its pool. */
export type SignatureCalls = { readonly verify: (checks: readonly SignatureCheck[]) => readonly boolean[] };

async function serve(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error("a signature worker runs on its own thread");
  try {
    const sr25519 = await loadSr25519();
    onRequest(port, ({ id, operation, input }) => {
      if (operation === CLOSE) return port.close();
      const value = (input as readonly SignatureCheck[]).map((check) => checkSignature(sr25519, check));
      port.postMessage({ id, value } satisfies CallReply);
    });
    port.postMessage({ ready: true } satisfies WorkerReady);
  } catch (error) {
    port.postMessage({ failed: asFailure(error, "SIGNATURES_FAILED") } satisfies WorkerReady);
  }
}

await serve();
