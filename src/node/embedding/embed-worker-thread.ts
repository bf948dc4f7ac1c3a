import type { Worker } from "node:worker_threads";
import { EngramError } from "../../crypto/errors.ts";
import type { EmbedReply, EmbedRequest } from "./use-lite-worker.ts";

export type StartWorker = () => Worker;

/**
 * The thread the model runs in: started at the first text, one text at a time, replaced after it died or hung.
 * It keeps the process alive only while it works.
 */
export class EmbedWorkerThread implements AsyncDisposable {
  readonly #model: { readonly startWorker: StartWorker; readonly repair: string };
  readonly #name: string;
  readonly #deadlineMs: number;
  #worker: Worker | undefined;
  #next = 0;

  constructor(
    { deadlineMs, name }: { readonly deadlineMs: number; readonly name: string },
    model: { readonly startWorker: StartWorker; readonly repair: string },
  ) {
    this.#deadlineMs = deadlineMs;
    this.#name = name;
    this.#model = model;
  }

  /** The text's vector. Rejects with `EMBEDDER_FAILED`; the next call then gets a new thread. */
  async run(text: string): Promise<Float32Array> {
    this.#worker ??= this.#model.startWorker();
    const worker = this.#worker;
    worker.ref();
    const request: EmbedRequest = { id: ++this.#next, text };
    try {
      const reply = await this.#exchange(worker, request);
      if ("error" in reply) throw this.#failed(reply.error);
      return reply.vector;
    } finally {
      worker.unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #exchange(worker: Worker, request: EmbedRequest): Promise<EmbedReply> {
    const { promise, resolve, reject } = Promise.withResolvers<EmbedReply>();
    const lose = (reason: string): void => {
      if (this.#worker === worker) this.#worker = undefined;
      reject(this.#failed(reason));
    };
    const onMessage = (reply: EmbedReply): void => {
      if (reply.id === request.id) resolve(reply);
    };
    const onError = (error: unknown): void => lose(error instanceof Error ? error.message : String(error));
    const onExit = (): void => lose("its thread ended");
    const timer = setTimeout(() => {
      lose(`no answer within ${this.#deadlineMs} ms`);
      void worker.terminate();
    }, this.#deadlineMs);
    worker.on("message", onMessage).once("error", onError).once("exit", onExit);
    worker.postMessage(request);
    return promise.finally(() => {
      clearTimeout(timer);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
    });
  }

  #failed(reason: string): EngramError {
    return new EngramError("EMBEDDER_FAILED", `${this.#name} did not answer: ${reason}`, {
      fix: `try again: a fresh model is loaded at the next call; ${this.#model.repair}`,
    });
  }
}
