import { Worker } from "node:worker_threads";
import { EngramError } from "../../../crypto/errors.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { ContentWork, ReadContent } from "./content-worker.ts";

/** A parser that was given something nasty is ended after this time. */
const DEADLINE_MS = 30_000;
const MAX_HEAP_MB = 512;

/**
 * The text of a page or a PDF. The parsers run in a thread of their own with limits on time and memory: what they are
 * given comes from anywhere. Errors: `CONTENT_UNREADABLE`, and the signal's reason.
 */
export async function readContent(work: ContentWork, signal?: AbortSignal): Promise<ReadContent> {
  signal?.throwIfAborted();
  const worker = new Worker(workerUrl("content-worker", import.meta.url), {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    // What the parsers print is about the document, and belongs nowhere.
    stdout: true,
    stderr: true,
  });
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const stop = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const { promise, resolve, reject } = Promise.withResolvers<ReadContent>();
  const abort = () => reject(stop.reason);
  stop.addEventListener("abort", abort, { once: true });
  worker.once("message", (read: ReadContent | null) => (read ? resolve(read) : reject(new Error("not readable"))));
  worker.once("error", reject);
  worker.once("exit", () => reject(new Error("the reader ended")));
  try {
    return await promise;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new EngramError("CONTENT_UNREADABLE", `this ${work.kind === "pdf" ? "PDF" : "page"} could not be read`, {
      fix: "describe it in your own words (description), or give it as text",
      cause,
    });
  } finally {
    stop.removeEventListener("abort", abort);
    await worker.terminate();
  }
}
