import type { MemoryClient } from "../node/client/memory.ts";

/**
 * Whose memories a call works on: the home's own, those of a bearer token's principal, or nobody's: who only pays has
 * none.
 */
export type Caller =
  | { readonly kind: "home" }
  | { readonly kind: "principal"; readonly name: string }
  | { readonly kind: "anonymous" };

export type OpenClient = (caller: Caller) => Promise<MemoryClient>;

/**
 * One thing per caller, opened by their first call and kept. Opening that failed is tried again by the next call: a
 * disk that was full may have room by then. What is not there yet (`undefined`) is looked for again as well.
 */
export class PerCaller<T extends AsyncDisposable | undefined> implements AsyncDisposable {
  readonly #open: (caller: Caller) => Promise<T>;
  readonly #opened = new Map<string, Promise<T>>();
  #closed = false;

  constructor(open: (caller: Caller) => Promise<T>) {
    this.#open = open;
  }

  of(caller: Caller): Promise<T> {
    if (this.#closed) return Promise.reject(new Error("the server is stopping"));
    const key = keyOf(caller);
    const opened = this.#opened.get(key) ?? this.#open(caller);
    this.#opened.set(key, opened);
    const forget = () => this.#opened.delete(key);
    opened.then((value) => (value === undefined ? forget() : undefined), forget);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const settled = await Promise.allSettled(this.#opened.values());
    this.#opened.clear();
    await Promise.all(
      settled.map((result) => (result.status === "fulfilled" ? result.value?.[Symbol.asyncDispose]() : undefined)),
    );
  }
}

export type Clients = PerCaller<MemoryClient>;

export function keyOf(caller: Caller): string {
  return caller.kind === "principal" ? `principal:${caller.name}` : caller.kind;
}
