import type { MemoryClient } from "../node/client/memory.ts";

/** Whose memories a call works on: the home's own, or those of a bearer token's principal. */
export type Caller = { readonly kind: "home" } | { readonly kind: "principal"; readonly name: string };

export type OpenClient = (caller: Caller) => Promise<MemoryClient>;

/**
 * One memory client per caller, opened by its first call and kept. Opening that failed is tried again by the next
 * call: a disk that was full may have room by then.
 */
export class Clients implements AsyncDisposable {
  readonly #open: OpenClient;
  readonly #opened = new Map<string, Promise<MemoryClient>>();
  #closed = false;

  constructor(open: OpenClient) {
    this.#open = open;
  }

  of(caller: Caller): Promise<MemoryClient> {
    if (this.#closed) return Promise.reject(new Error("the server is stopping"));
    const key = keyOf(caller);
    const opened = this.#opened.get(key) ?? this.#open(caller);
    this.#opened.set(key, opened);
    opened.catch(() => this.#opened.delete(key));
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const settled = await Promise.allSettled(this.#opened.values());
    this.#opened.clear();
    await Promise.all(
      settled.map((result) => (result.status === "fulfilled" ? result.value[Symbol.asyncDispose]() : undefined)),
    );
  }
}

export function keyOf(caller: Caller): string {
  return caller.kind === "home" ? "home" : `principal:${caller.name}`;
}
