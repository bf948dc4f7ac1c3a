import { feedItems } from "./feed.ts";
import type { GatewayStore } from "./gateway-store.ts";
import type { Reader } from "./readers.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { FeedQuery } from "./submission-statements.ts";

/** Silence this long is broken by a comment, so that both sides notice a dead connection. */
const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 200;
const PAGE = 50;
export const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

/**
 * Server-sent events of accepted submissions. A stream reads the store behind the last number it sent, so that nothing
 * is missed or sent twice, however slow its reader is; a reader that does not read is not written to.
 */
export class FeedStreams {
  readonly #store: GatewayStore;
  readonly #stopped = new AbortController();
  readonly #heartbeatMs: number;
  #open = 0;
  #news = Promise.withResolvers<void>();

  constructor(store: GatewayStore, heartbeatMs: number = HEARTBEAT_MS) {
    this.#store = store;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Streams that are open now. */
  get readers(): number {
    return this.#open;
  }

  /** Tells every stream that there is something to read. */
  ring(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Events behind `query.after`; without one, those that are accepted from now on. Throws `GatewayRefusal` `busy`. */
  async open(query: FeedQuery, reader: Reader): Promise<Response> {
    if (this.#open >= MAX_STREAMS || this.#stopped.signal.aborted) {
      throw new GatewayRefusal("busy", "too many streams are open", 30);
    }
    this.#open += 1;
    try {
      const after = query.after ?? (await this.#store.call("lastSeq", null));
      return this.#respond({ ...query, after }, reader);
    } catch (error) {
      this.#open -= 1;
      throw error;
    }
  }

  #respond(query: FeedQuery & { readonly after: number }, reader: Reader): Response {
    const left = new AbortController();
    const signal = AbortSignal.any([left.signal, this.#stopped.signal]);
    const events = this.#events(query, reader, signal);
    const encoder = new TextEncoder();
    const close = () => {
      if (left.signal.aborted) return;
      left.abort();
      this.#open -= 1;
    };
    // Pulled one by one: nothing is read from the store for somebody who does not read.
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const { value, done } = await events.next();
            if (!done) return controller.enqueue(encoder.encode(value));
            close();
            controller.close();
          } catch {
            close();
            controller.close();
          }
        },
        cancel: close,
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: STREAM_HEADERS });
  }

  async *#events(
    query: FeedQuery & { readonly after: number },
    reader: Reader,
    signal: AbortSignal,
  ): AsyncGenerator<string, void> {
    let { after } = query;
    yield `retry: 3000\n: behind ${after}\n\n`;
    while (!signal.aborted) {
      // Taken before reading: what comes while the store answers rings this one.
      const news = this.#news.promise;
      const items = feedItems(await this.#store.call("feed", { ...query, after, limit: PAGE }), reader);
      for (const item of items) {
        if (signal.aborted) return;
        after = item.seq;
        yield `id: ${item.seq}\nevent: external_intelligence\ndata: ${JSON.stringify(item)}\n\n`;
      }
      if (items.length === 0 && (await this.#quiet(news, signal))) yield ": still here\n\n";
    }
  }

  /** True when nothing happened for the time of a heartbeat. */
  async #quiet(news: Promise<void>, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), this.#heartbeatMs);
    const wake = () => resolve(false);
    signal.addEventListener("abort", wake, { once: true });
    void news.then(wake);
    try {
      return !signal.aborted && (await promise);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
    }
  }

  /** Ends every stream. */
  [Symbol.dispose](): void {
    this.#stopped.abort();
  }
}
