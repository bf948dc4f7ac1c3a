import { setMaxListeners } from "node:events";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";

/** Most characters of one message: a metagraph of 4,096 neurons takes about 4 million. */
const MAX_MESSAGE = 64 * 1024 * 1024;
/** Most requests that may wait for their answers. */
const MAX_PENDING = 1_024;

/** Notifications kept of subscriptions that are not known yet: some nodes tell before they answer. */
const MAX_EARLY = 64;

/** The node's own refusal of a request. Its text is the network's: it is looked at, never shown. */
export class RpcRefusal extends EngramError {
  readonly rpcCode: number;
  readonly #detail: string;

  constructor(rpcCode: number, detail: string) {
    super("CHAIN_RPC_REFUSED", `the chain's endpoint refused a question with error ${rpcCode}`, {
      fix: "try again, or name other endpoints in ENGRAM_CHAIN",
    });
    this.rpcCode = rpcCode;
    this.#detail = detail;
  }

  get detail(): string {
    return this.#detail;
  }
}

export interface RequestOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** Hears a subscription's notifications, in order. */
export type Listener = (result: unknown) => void;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const message = z.looseObject({
  id: z.number().nullish(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
  params: z.looseObject({ subscription: z.union([z.string(), z.number()]), result: z.unknown() }).optional(),
});

/**
 * One JSON-RPC connection over a WebSocket. Whatever is asked is answered, refused or given up by its deadline; once
 * the connection is lost everything that waits is rejected, and it is never opened again.
 * Errors: `CHAIN_UNREACHABLE`, `CHAIN_TIMEOUT`, `RpcRefusal`.
 */
export class JsonRpcSocket implements Disposable {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string | number, Listener>();
  readonly #early: { readonly subscription: string | number; readonly result: unknown }[] = [];
  readonly #lost = new AbortController();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    setMaxListeners(0, this.#lost.signal);
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    for (const event of ["close", "error"] as const) socket.addEventListener(event, () => this.#lose());
  }

  /** Connects within the deadline. */
  static async open(url: string, { deadlineMs, signal }: RequestOptions): Promise<JsonRpcSocket> {
    const socket = new WebSocket(url);
    const rpc = new JsonRpcSocket(socket);
    const opened = Promise.withResolvers<void>();
    socket.addEventListener("open", () => opened.resolve());
    rpc.lost.addEventListener("abort", () => opened.reject(unreachable()));
    try {
      await before(opened.promise, { deadlineMs, ...(signal ? { signal } : {}) });
      return rpc;
    } catch (error) {
      rpc[Symbol.dispose]();
      throw error;
    }
  }

  /** Aborts when the connection is gone. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async request(method: string, params: readonly unknown[], options: RequestOptions): Promise<unknown> {
    return await this.#send(method, params, options);
  }

  /** Calls `listener` with what the subscription says, until the returned value is disposed or the connection lost. */
  async subscribe(
    { method, unsubscribe, params = [] }: { method: string; unsubscribe: string; params?: readonly unknown[] },
    listener: Listener,
    options: RequestOptions,
  ): Promise<Disposable> {
    // Registered in the same turn as the answer is heard, before the next notification.
    const id = await this.#send(method, params, options, (result) => {
      if (typeof result !== "string" && typeof result !== "number") return;
      this.#listeners.set(result, listener);
      for (const early of this.#early) if (early.subscription === result) listener(early.result);
    });
    if (typeof id !== "string" && typeof id !== "number") throw new RpcRefusal(0, "no subscription");
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(id);
        if (!this.lost.aborted) this.#send(unsubscribe, [id], { deadlineMs: 5_000 }).catch(() => undefined);
      },
    };
  }

  async #send(
    method: string,
    params: readonly unknown[],
    options: RequestOptions,
    onResult?: (result: unknown) => void,
  ): Promise<unknown> {
    if (this.lost.aborted) throw unreachable();
    if (this.#pending.size >= MAX_PENDING) {
      throw new EngramError("CHAIN_BUSY", "too many questions wait for the chain's answer", { fix: "try again later" });
    }
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const answered = (result: unknown) => {
      onResult?.(result);
      resolve(result);
    };
    this.#pending.set(id, { resolve: answered, reject });
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    try {
      return await before(promise, options);
    } finally {
      this.#pending.delete(id);
    }
  }

  #hear(data: unknown): void {
    const isText = typeof data === "string" && data.length <= MAX_MESSAGE;
    const parsed = message.safeParse(isText ? parseJson(data) : undefined);
    if (!parsed.success) {
      // Who does not speak JSON-RPC is no node.
      this[Symbol.dispose]();
      return;
    }
    const { id, error, result, params } = parsed.data;
    if (params) this.#notify(params);
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (error) pending?.reject(new RpcRefusal(error.code, `${error.message} ${detailOf(error.data)}`));
    else pending?.resolve(result);
  }

  #notify({ subscription, result }: { readonly subscription: string | number; readonly result?: unknown }): void {
    const listener = this.#listeners.get(subscription);
    listener?.(result);
    if (!listener && this.#early.push({ subscription, result }) > MAX_EARLY) this.#early.shift();
  }

  #lose(): void {
    this.#lost.abort();
    for (const { reject } of this.#pending.values()) reject(unreachable());
    this.#pending.clear();
    this.#listeners.clear();
  }

  [Symbol.dispose](): void {
    this.#lose();
    this.#socket.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function detailOf(data: unknown): string {
  return typeof data === "string" ? data : (JSON.stringify(data) ?? "");
}

/** `promise`, or the reason of what ended first. */
async function before<T>(promise: Promise<T>, { deadlineMs, signal }: RequestOptions): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const timer = setTimeout(() => ended.reject(timedOut()), deadlineMs);
  const abort = () => ended.reject(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, ended.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    // Nobody listens to it any more.
    promise.catch(() => undefined);
  }
}

export function unreachable(cause?: unknown): EngramError {
  return new EngramError("CHAIN_UNREACHABLE", "no endpoint of the chain can be reached", {
    fix: "check the network and the addresses in ENGRAM_CHAIN, or name more endpoints there",
    cause,
  });
}

export function timedOut(): EngramError {
  return new EngramError("CHAIN_TIMEOUT", "the chain did not answer in time", {
    fix: "try again, or name more endpoints in ENGRAM_CHAIN",
  });
}
