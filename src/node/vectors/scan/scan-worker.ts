import { parentPort, workerData } from "node:worker_threads";
import { asFailure, type CallReply, CLOSE, onRequest, type WorkerReady } from "../../runtime/worker-calls.ts";
import { createScanOperations } from "./scan-operations.ts";

if (!parentPort) throw new Error("the scan runs on its own thread");
const port = parentPort;
const { limitBytes } = workerData as { readonly limitBytes?: number };
const operations = new Map(Object.entries(createScanOperations(limitBytes)));

onRequest(port, ({ id, operation, input }) => {
  if (operation === CLOSE) return port.close();
  try {
    const run = operations.get(operation) as ((input: unknown) => unknown) | undefined;
    if (!run) throw new Error(`unknown scan operation ${operation}`);
    const value = run(input);
    port.postMessage({ id, value } satisfies CallReply, buffersOf(value));
  } catch (error) {
    port.postMessage({ id, error: asFailure(error, "SCAN_FAILED") } satisfies CallReply);
  }
});
port.postMessage({ ready: true } satisfies WorkerReady);

/** Large answers are moved, not copied; an empty one may be shared between answers and stays. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part) =>
    ArrayBuffer.isView(part) && part.byteLength > 0 && part.buffer instanceof ArrayBuffer ? [part.buffer] : [],
  );
}
