import { setTimeout as delay } from "node:timers/promises";
import pRetry from "p-retry";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import type { ServerEvent } from "./event-stream.ts";
import type { ClaimedItem } from "./feed-wire.ts";
import { isGatewayTrouble } from "./gateway-replies.ts";
import type { ReaderParts } from "./intelligence-reader.ts";
import { type Sifted, sift } from "./sift.ts";
import type { CheckedItem, IntelligenceQuery, RefusedItem } from "./types.ts";

const EVENT = "external_intelligence";
/** So many connections may end over one item's missing proof before it is passed over. */
const MAX_TRIES = 5;
const MAX_PAUSE_MS = 60_000;
/** Trouble that stands until a person acts. */
const FINAL = new Set(["GATEWAY_REFUSED", "INPUT_INVALID"]);

/**
 * The items of a stream, each once and in order. A connection that breaks, falls silent or answers nonsense is opened
 * again behind the last item, with growing pauses until the next item comes.
 */
export async function* followItems(
  parts: ReaderParts,
  query: IntelligenceQuery,
  signal: AbortSignal,
): AsyncGenerator<CheckedItem | RefusedItem, void> {
  const follower = new Follower(parts, query, signal);
  try {
    while (!signal.aborted) yield await follower.next();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await follower.hangUp();
  }
}

class Follower {
  readonly #parts: ReaderParts;
  readonly #query: IntelligenceQuery;
  readonly #signal: AbortSignal;
  #after: number | undefined;
  #events: AsyncGenerator<ServerEvent, void> | undefined;
  #tries = { seq: 0, count: 0 };

  constructor(parts: ReaderParts, query: IntelligenceQuery, signal: AbortSignal) {
    this.#parts = parts;
    this.#query = query;
    this.#signal = signal;
    this.#after = query.after;
  }

  /** The next item, however many connections it takes. */
  async next(): Promise<CheckedItem | RefusedItem> {
    const [minTimeout, maxTimeout] = this.#parts.limits.reconnectMs;
    return await pRetry(() => this.#attempt(), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout,
      maxTimeout,
      randomize: true,
      signal: this.#signal,
      shouldRetry: ({ error }) => isEngramError(error) && !FINAL.has(error.code),
      onFailedAttempt: ({ error }) => this.#pause(error),
    });
  }

  async hangUp(): Promise<void> {
    const events = this.#events;
    this.#events = undefined;
    await events?.return();
  }

  async #attempt(): Promise<CheckedItem | RefusedItem> {
    try {
      this.#after ??= await this.#newest();
      const after = this.#after;
      this.#events ??= this.#parts.gateway.events(this.#query, after, this.#signal);
      const item = await this.#judge(await nextEvent(this.#events), after);
      this.#after = Math.max(after, item.seq);
      return item;
    } catch (error) {
      await this.hangUp();
      throw error;
    }
  }

  async #judge(event: ServerEvent, after: number): Promise<CheckedItem | RefusedItem> {
    const sifted = siftEvent(event, this.#query, after);
    if ("refused" in sifted) return sifted.refused;
    const { claim } = sifted;
    const { checker } = this.#parts;
    try {
      return await checker.check(claim, await checker.chainState(), this.#signal);
    } catch (error) {
      if (isGatewayTrouble(error) && this.#isHopeless(claim)) {
        return { id: claim.id, seq: claim.seq, problem: "withheld" };
      }
      throw error;
    }
  }

  #isHopeless({ seq }: ClaimedItem): boolean {
    this.#tries = { seq, count: this.#tries.seq === seq ? this.#tries.count + 1 : 1 };
    return this.#tries.count >= MAX_TRIES;
  }

  /** Where the feed stands now: what comes behind it is new. */
  async #newest(): Promise<number> {
    const query = { ...this.#query, limit: 1 };
    const seqs = (await this.#parts.gateway.page(query, this.#signal)).map((value) => {
      const sifted = sift(value, query, 0);
      return "claim" in sifted ? sifted.claim.seq : sifted.refused.seq;
    });
    return Math.max(0, ...seqs);
  }

  async #pause(error: Error): Promise<void> {
    const code = isEngramError(error) ? error.code : "UNEXPECTED";
    this.#parts.log.warn({ code }, "the feed's stream was lost; it is opened again");
    const ms = isEngramError(error) ? (error.retryAfterMs ?? 0) : 0;
    if (ms > 0) await delay(Math.min(ms, MAX_PAUSE_MS), undefined, { signal: this.#signal });
  }
}

/** The next event that carries an item. */
async function nextEvent(events: AsyncGenerator<ServerEvent, void>): Promise<ServerEvent> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new EngramError("GATEWAY_UNAVAILABLE", "the gateway ended the stream", { fix: "connect again" });
    if (value.event === EVENT) return value;
  }
}

function siftEvent({ data, id }: ServerEvent, query: IntelligenceQuery, after: number): Sifted {
  const number = Number(id);
  return sift(parsed(data), query, after, Number.isSafeInteger(number) && number > 0 ? number : undefined);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
