import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { EngramError } from "../../crypto/errors.ts";
import type { StoreOperations, StoreReady, StoreReply, StoreRequest } from "./store-host.ts";

/** More requests than this are waiting only when the disk has stopped answering. */
const WAITING_LIMIT = 20_000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Inputs<T> = T extends (input: infer I, ...rest: never[]) => unknown ? I : never;
type Result<T> = T extends (...rest: never[]) => infer R ? Awaited<R> : never;
type All<O extends StoreOperations> = O["reads"] & O["writes"];

/**
 * The caller's side of a store worker: posts requests and resolves their answers; SQLite itself never runs on this
 * thread. The thread starts at the first call, so that a process that stores nothing pays nothing.
 */
export class StoreWorker<O extends StoreOperations> implements AsyncDisposable {
  readonly #url: URL;
  readonly #workerData: unknown;
  readonly #pending = new Map<number, Pending>();
  #worker: Promise<Worker> | undefined;
  #next = 0;
  #closed = false;

  constructor(options: { readonly url: URL; readonly workerData: unknown }) {
    this.#url = options.url;
    this.#workerData = options.workerData;
  }

  async call<K extends keyof All<O> & string>(
    operation: K,
    input: Inputs<All<O>[K]>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Result<All<O>[K]>> {
    if (this.#closed) throw new EngramError("STORE_CLOSED", "the store was closed");
    if (this.#pending.size >= WAITING_LIMIT) {
      throw new EngramError("STORE_BUSY", "too many requests are waiting for the disk", {
        fix: "wait a moment and send it again",
        retryAfterMs: 1_000,
      });
    }
    this.#worker ??= this.#start();
    const worker = await this.#worker;
    const id = ++this.#next;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    if (this.#pending.size === 1) worker.ref();
    worker.postMessage({ id, operation, input } satisfies StoreRequest, [...transfer]);
    return (await promise) as Result<All<O>[K]>;
  }

  async #start(): Promise<Worker> {
    const worker = new Worker(this.#url, { workerData: this.#workerData });
    const exited = once(worker, "exit").then(() => ({ failed: { code: "STORE_FAILED", message: "the worker ended" } }));
    const [first] = (await Promise.race([once(worker, "message"), exited.then((failure) => [failure])])) as [
      StoreReady,
    ];
    if ("failed" in first) {
      this.#worker = undefined;
      await worker.terminate();
      const { code, message, fix } = first.failed;
      throw new EngramError(code, message, fix === undefined ? {} : { fix });
    }
    worker.on("message", (reply: StoreReply) => this.#settle(worker, reply));
    worker.on("error", (error) => this.#fail(error));
    worker.once("exit", () => this.#fail(new EngramError("STORE_FAILED", "the store's worker ended")));
    worker.unref();
    return worker;
  }

  #settle(worker: Worker, reply: StoreReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) worker.unref();
    if (!pending) return;
    if ("value" in reply) pending.resolve(reply.value);
    else {
      const { code, message, fix } = reply.error;
      pending.reject(new EngramError(code, message, fix === undefined ? {} : { fix }));
    }
  }

  /** The file stays sound whatever ended the worker; the next call opens it again. */
  #fail(error: unknown): void {
    this.#worker = undefined;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** Waits for what was asked, then ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const worker = await this.#worker?.catch(() => undefined);
    if (!worker) return;
    worker.ref();
    worker.postMessage({ id: 0, operation: "close", input: null } satisfies StoreRequest);
    const gone = once(worker, "exit");
    await gone;
  }
}
