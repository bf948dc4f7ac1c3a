import { EngramError } from "../../crypto/errors.ts";
import { type Fetch, sendUntil } from "../../node/runtime/http-client.ts";
import { requireSuccess } from "./gateway-replies.ts";
import type { ReaderLimits } from "./reader-limits.ts";

/** A server-sent event. */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

type StreamLimits = Pick<ReaderLimits, "deadlineMs" | "silenceMs" | "eventBytes">;

/**
 * The events of a stream until the server ends it. Errors: `HTTP_TIMEOUT` (no answer, silence, an event that does not
 * end), `HTTP_TOO_LARGE`, `HTTP_UNREACHABLE` (also for a connection that breaks), those of `requireSuccess`; the
 * signal's reason.
 */
export async function* openEventStream(
  send: Fetch,
  request: Request,
  limits: StreamLimits,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void> {
  const late = new AbortController();
  const stop = AbortSignal.any([signal, late.signal]);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  // A response made in process does not know the signal: stop reading it all the same.
  const cancel = () => void reader?.cancel().catch(() => undefined);
  stop.addEventListener("abort", cancel, { once: true });
  try {
    const sent = new Request(request, { signal: stop });
    const response = await within(limits.deadlineMs, late, () => sendUntil(send, sent, stop));
    reader = response.body?.getReader();
    requireSuccess(response);
    if (!reader) return;
    yield* eventsOf(reader, limits, late, stop);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngramError) throw error;
    throw late.signal.aborted ? tooLate() : unreachable(error);
  } finally {
    stop.removeEventListener("abort", cancel);
    cancel();
  }
}

async function* eventsOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { silenceMs, eventBytes }: StreamLimits,
  late: AbortController,
  stop: AbortSignal,
): AsyncGenerator<ServerEvent, void> {
  const parser = new EventParser(eventBytes);
  let patience = silenceMs;
  for (;;) {
    const [began, waiting] = [performance.now(), parser.isWaiting];
    const { done, value } = await within(patience, late, () => reader.read());
    stop.throwIfAborted();
    if (done) return;
    // What comes a byte at a time must still come to an end.
    const events = parser.push(value);
    patience = waiting && parser.isWaiting && events.length === 0 ? patience - (performance.now() - began) : silenceMs;
    yield* events;
  }
}

/** Runs `ask`, and aborts `late` when it takes longer than `ms`. */
async function within<T>(ms: number, late: AbortController, ask: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => late.abort(), Math.max(0, ms));
  try {
    return await ask();
  } finally {
    clearTimeout(timer);
  }
}

/** Lines to events, as much of the format as gateways use: fields `id`, `event`, `data`, comments, blank lines. */
class EventParser {
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder("utf-8");
  #size = 0;
  #line: string[] = [];
  #id = "";
  #event = "";
  #data: string[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether an event has begun and not ended. */
  get isWaiting(): boolean {
    return this.#size > 0;
  }

  push(bytes: Uint8Array): readonly ServerEvent[] {
    const events: ServerEvent[] = [];
    const pieces = this.#decoder.decode(bytes, { stream: true }).split("\n");
    for (const [index, piece] of pieces.entries()) {
      this.#size += piece.length;
      if (this.#size > this.#maxBytes) {
        throw new EngramError("HTTP_TOO_LARGE", `an event has more than ${this.#maxBytes} characters`);
      }
      this.#line.push(piece);
      if (index === pieces.length - 1) break;
      const line = this.#line.join("").replace(/\r$/, "");
      this.#line = [];
      const ended = line === "" ? this.#end() : this.#take(line);
      if (ended) events.push(ended);
    }
    return events;
  }

  #take(line: string): undefined {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "id") this.#id = value;
    if (name === "event") this.#event = value;
    if (name === "data") this.#data.push(value);
  }

  #end(): ServerEvent | undefined {
    const ended = { id: this.#id, event: this.#event, data: this.#data.join("\n") };
    this.#size = 0;
    this.#event = "";
    this.#data = [];
    return ended.data === "" ? undefined : ended;
  }
}

function tooLate(): EngramError {
  return new EngramError("HTTP_TIMEOUT", "the stream fell silent", { fix: "connect again" });
}

function unreachable(cause: unknown): EngramError {
  return new EngramError("HTTP_UNREACHABLE", "the stream broke or could not be reached", {
    fix: "check that the gateway runs and that its address is right",
    cause,
  });
}
