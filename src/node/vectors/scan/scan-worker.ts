import { parentPort, workerData } from "node:worker_threads";
import {
  asFailure,
  type CallReply,
  type CallRequest,
  CLOSE,
  onRequest,
  type WorkerReady,
} from "../../runtime/worker-calls.ts";
import { GROUP } from "./kernel-shard.ts";
import type { ScanWorkerData } from "./scan-client.ts";
import { createScanOperations, type ScanOperations } from "./scan-operations.ts";

if (!parentPort) throw new Error("the scan runs on its own thread");
const port = parentPort;

try {
  const { mode, limitBytes } = workerData as ScanWorkerData;
  serve(createScanOperations(mode, limitBytes));
  port.postMessage({ ready: true } satisfies WorkerReady);
} catch (error) {
  port.postMessage({ failed: asFailure(error, "SCAN_FAILED") } satisfies WorkerReady);
}

/** Requests in their order; questions that wait for the same index one behind the other share a pass. */
function serve(operations: ScanOperations): void {
  const named = new Map(Object.entries(operations)) as Map<string, (input: unknown) => unknown>;
  const waiting: CallRequest[] = [];
  let scheduled = false;

  onRequest(port, (request) => {
    waiting.push(request);
    if (!scheduled) {
      scheduled = true;
      setImmediate(turn);
    }
  });

  function turn(): void {
    const group = waiting.splice(0, groupLength(waiting));
    if (group[0]?.operation === CLOSE) {
      port.close();
      return;
    }
    if (group.length > 1) answerTogether(group);
    else for (const request of group) answer(request);
    scheduled = waiting.length > 0;
    // What arrives meanwhile may join the next group.
    if (scheduled) setImmediate(turn);
  }

  function answer({ id, operation, input }: CallRequest): void {
    try {
      const run = named.get(operation);
      if (!run) throw new Error(`unknown scan operation ${operation}`);
      reply(id, run(input));
    } catch (error) {
      port.postMessage({ id, error: asFailure(error, "SCAN_FAILED") } satisfies CallReply);
    }
  }

  function answerTogether(group: readonly CallRequest[]): void {
    const inputs = group.map(({ input }) => input as TopInput);
    try {
      const answers = operations.topOfEach({ key: inputs[0]?.key ?? "", queries: inputs });
      for (const [i, { id }] of group.entries()) reply(id, answers[i]);
    } catch {
      // One of them is refused: each hears of itself alone.
      for (const request of group) answer(request);
    }
  }

  function reply(id: number, value: unknown): void {
    port.postMessage({ id, value } satisfies CallReply, buffersOf(value));
  }
}

type TopInput = Parameters<ScanOperations["top"]>[0];

/** How many of the first requests ask for the best rows of one index, without a choice of rows. */
function groupLength(waiting: readonly CallRequest[]): number {
  const keyOf = (request: CallRequest | undefined): string | undefined => {
    if (request?.operation !== "top") return undefined;
    const { key, allowed } = request.input as TopInput;
    return allowed === undefined ? key : undefined;
  };
  const key = keyOf(waiting[0]);
  let length = 1;
  while (key !== undefined && length < GROUP && keyOf(waiting[length]) === key) length += 1;
  return length;
}

/** Large answers are moved, not copied; an empty one may be shared between answers and stays. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part) =>
    ArrayBuffer.isView(part) && part.byteLength > 0 && part.buffer instanceof ArrayBuffer ? [part.buffer] : [],
  );
}
