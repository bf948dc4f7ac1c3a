/** Browsers that may listen at once; one that is refused asks again by itself. */
const MAX_LISTENERS = 32;

const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };

/**
 * Tells open pages that there is something new to fetch: an event carries no data, so a page that is late loses nothing
 * and what it shows is rendered in one place.
 */
export class LiveChannel {
  readonly #listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #encoder = new TextEncoder();

  /** A stream of events; undefined where too many listen. */
  open(): Response | undefined {
    if (this.#listeners.size >= MAX_LISTENERS) return undefined;
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#listeners.add(controller);
        controller.enqueue(this.#encoder.encode("retry: 3000\n\n"));
      },
      cancel: () => void this.#listeners.delete(own),
    });
    return new Response(body, { headers: HEADERS });
  }

  /** One that does not read is left out: the next event says the same. */
  tell(): void {
    for (const listener of this.#listeners) {
      if ((listener.desiredSize ?? 0) > 0) listener.enqueue(this.#encoder.encode("event: look\ndata:\n\n"));
    }
  }

  /** Ends every stream. */
  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }
}
