import { type MessagePort, Worker } from "node:worker_threads";
import { EngramError, type EngramErrorOptions } from "../../crypto/errors.ts";
import { missingPackage } from "./missing-package.ts";

/** One request on the port between a caller and its worker. */
export interface CallRequest {
  readonly id: number;
  readonly operation: string;
  readonly input: unknown;
}

/** An error in parts: errors lose their class on a port. */
export interface CallFailure {
  readonly code: string;
  readonly message: string;
  readonly fix?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

export type CallReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: CallFailure };

/** Requests, and replies, of one turn of the event loop travel in one message: a message costs more than what it carries. */
type Message<T> = T | readonly T[];

/** The first message of a worker: it serves, or why not. */
export type WorkerReady = { readonly ready: true } | { readonly failed: CallFailure };

/** The request that asks a worker to finish what it was asked and to leave. */
export const CLOSE = "close";

export type Calls = Readonly<Record<string, (input: never, ...rest: never[]) => unknown>>;
type Input<T> = T extends (input: infer I, ...rest: never[]) => unknown ? I : never;
type Result<T> = T extends (...rest: never[]) => infer R ? Awaited<R> : never;

export interface WorkerCallsOptions {
  readonly url: URL;
  readonly workerData: unknown;
  /** Begins the codes of this worker's own failures: `STORE` gives `STORE_FAILED`, `STORE_CLOSED`, `STORE_BUSY`. */
  readonly code: string;
  /** Names the worker in those errors: "the store". */
  readonly what: string;
  /** Done on this thread whenever a worker starts, while it does. */
  readonly alongside?: () => Promise<void>;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Posting {
  readonly request: CallRequest;
  readonly transfer: readonly ArrayBuffer[];
}

/** One run of the thread. After a crash the next call starts another. */
interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
  /** Leave together at the end of this turn. */
  leaving: Posting[];
  readonly ended: Promise<void>;
  gone: boolean;
}

const BUSY = { fix: "wait a moment and send it again", retryAfterMs: 1_000 };

/** More requests than this are waiting only when the disk has stopped answering. */
const WAITING_LIMIT = 20_000;

/**
 * The caller's side of a worker thread: posts requests in order and resolves their answers. The thread starts at the
 * first call, so that a process that never needs it pays nothing, and never keeps the process alive by itself.
 */
export class WorkerCalls<C extends Calls> implements AsyncDisposable {
  readonly #options: WorkerCallsOptions;
  #thread: Promise<Thread> | undefined;
  #current: Thread | undefined;
  #waiting = 0;
  #next = 0;
  #closed: Promise<void> | undefined;

  constructor(options: WorkerCallsOptions) {
    this.#options = options;
  }

  /** Calls that were not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Errors: what the operation throws, as `EngramError` with its code; `_CLOSED`, `_BUSY`; `_FAILED` when the thread
   * ended before it answered (whether the operation took effect is then unknown).
   */
  async call<K extends keyof C & string>(
    operation: K,
    input: Input<C[K]>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Result<C[K]>> {
    if (this.#closed !== undefined) throw this.#error("CLOSED", "was closed");
    if (this.#waiting >= WAITING_LIMIT) {
      throw this.#error("BUSY", "has too many requests waiting", BUSY);
    }
    this.#waiting += 1;
    try {
      const thread = await this.#open();
      return (await this.#post(thread, operation, input, transfer)) as Result<C[K]>;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #open(): Promise<Thread> {
    this.#thread ??= this.#start();
    const thread = await this.#thread;
    if (!thread.gone) return thread;
    // It ended between the answer and now; nothing was posted yet, so a fresh thread can take the call.
    this.#thread ??= this.#start();
    return await this.#thread;
  }

  async #post(thread: Thread, operation: string, input: unknown, transfer: readonly ArrayBuffer[]): Promise<unknown> {
    if (thread.gone) throw this.#error("FAILED", "ended");
    const id = ++this.#next;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    thread.pending.set(id, { resolve, reject });
    if (thread.pending.size === 1) thread.worker.ref();
    if (thread.leaving.length === 0) setImmediate(() => postAll(thread));
    thread.leaving.push({ request: { id, operation, input }, transfer });
    return await promise;
  }

  #start(): Promise<Thread> {
    const started = this.#run();
    started.catch(() => {
      if (this.#thread === started) this.#thread = undefined;
    });
    return started;
  }

  async #run(): Promise<Thread> {
    const worker = new Worker(this.#options.url, { workerData: this.#options.workerData });
    const ready = Promise.withResolvers<WorkerReady>();
    const ended = Promise.withResolvers<void>();
    const thread: Thread = { worker, pending: new Map(), leaving: [], ended: ended.promise, gone: false };
    worker.once("message", (first: WorkerReady) => {
      ready.resolve(first);
      worker.on("message", (replies: Message<CallReply>) => {
        for (const reply of [replies].flat()) settle(thread, reply);
      });
    });
    let cause: unknown;
    worker.on("error", (error) => {
      cause = error;
    });
    worker.once("exit", () => {
      const spoken = cause instanceof EngramError ? cause : missingPackage(cause);
      const failure = spoken ?? this.#error("FAILED", "ended unexpectedly", { cause });
      thread.gone = true;
      this.#forget(thread);
      ready.reject(failure);
      for (const { reject } of thread.pending.values()) reject(failure);
      thread.pending.clear();
      ended.resolve();
    });
    const [first] = await Promise.all([ready.promise, this.#options.alongside?.()]);
    if ("failed" in first) {
      await worker.terminate();
      throw asError(first.failed);
    }
    this.#current = thread;
    worker.unref();
    return thread;
  }

  #forget(thread: Thread): void {
    if (this.#current !== thread) return;
    this.#current = undefined;
    this.#thread = undefined;
  }

  #error(kind: string, what: string, options: EngramErrorOptions = {}): EngramError {
    return new EngramError(`${this.#options.code}_${kind}`, `${this.#options.what} ${what}`, options);
  }

  /** Waits for what was asked, then ends the thread. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const thread = await this.#thread?.catch(() => undefined);
    if (!thread || thread.gone) return;
    // Counted as waiting, so that the answer to an earlier call does not let the process end before the thread has.
    thread.pending.set(0, { resolve: () => undefined, reject: () => undefined });
    thread.worker.ref();
    postAll(thread);
    thread.worker.postMessage({ id: 0, operation: CLOSE, input: null } satisfies CallRequest);
    await thread.ended;
  }
}

function postAll(thread: Thread): void {
  const { worker, leaving } = thread;
  thread.leaving = [];
  if (leaving.length === 0 || thread.gone) return;
  try {
    const requests = leaving.map(({ request }) => request);
    worker.postMessage(
      requests.length === 1 ? requests[0] : requests,
      leaving.flatMap(({ transfer }) => transfer),
    );
  } catch (error) {
    // One of them cannot be posted, and is the only one that fails.
    const [only, ...others] = leaving;
    if (only && others.length === 0) refuse(thread, only.request.id, error);
    else for (const posting of leaving) postAll(Object.assign(thread, { leaving: [posting] }));
  }
}

/** Serves what `WorkerCalls` posts, in order. */
export function onRequest(port: MessagePort, serve: (request: CallRequest) => void): void {
  port.on("message", (requests: Message<CallRequest>) => {
    for (const request of [requests].flat()) serve(request);
  });
}

function settle(thread: Thread, reply: CallReply): void {
  if ("error" in reply) refuse(thread, reply.id, asError(reply.error));
  else taken(thread, reply.id)?.resolve(reply.value);
}

function refuse(thread: Thread, id: number, error: unknown): void {
  taken(thread, id)?.reject(error);
}

function taken(thread: Thread, id: number): Pending | undefined {
  const pending = thread.pending.get(id);
  thread.pending.delete(id);
  if (thread.pending.size === 0) thread.worker.unref();
  return pending;
}

function asError({ code, message, fix, retryAfterMs }: CallFailure): EngramError {
  return new EngramError(code, message, {
    ...(fix === undefined ? {} : { fix }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** An error as it travels on the port. */
export function asFailure(error: unknown, fallbackCode: string): CallFailure {
  const spoken = error instanceof EngramError ? error : missingPackage(error);
  if (spoken) return { code: spoken.code, message: spoken.message, fix: spoken.fix, retryAfterMs: spoken.retryAfterMs };
  const code = error instanceof Error && "code" in error ? String(error.code) : fallbackCode;
  return { code, message: error instanceof Error ? error.message : String(error) };
}
