import { EngramError } from "../crypto/errors.ts";
import type { RelayBooks } from "../relay/relay-books.ts";
import { type Caller, PerCaller } from "./caller.ts";
import type { IntelligenceFeed } from "./intelligence-feed.ts";
import type { RelayDesk } from "./relay-desk.ts";

/** How a server opens what relaying needs; nothing of it is loaded before a call asks for it. */
export interface OpenRelaying {
  readonly desk: (caller: Caller) => Promise<RelayDesk>;
  /** Undefined while the caller never queued anything. */
  readonly books: (caller: Caller) => Promise<RelayBooks | undefined>;
  /** What others published is the same for every caller. */
  readonly feed: () => Promise<IntelligenceFeed>;
  /** Callers whose outbox holds what was not delivered. */
  readonly owing: () => Promise<readonly Caller[]>;
}

/** What one caller relays and reads. */
export interface CallerRelay {
  readonly desk: () => Promise<RelayDesk>;
  readonly books: () => Promise<RelayBooks | undefined>;
  readonly feed: () => Promise<IntelligenceFeed>;
}

/** Of a server that was given nothing to relay with: embedded ones, and those of tests. */
const noRelaying: OpenRelaying = {
  desk: async () => {
    throw notServed();
  },
  books: async () => undefined,
  feed: async () => {
    throw notServed();
  },
  owing: async () => [],
};

function notServed(): EngramError {
  return new EngramError("GATEWAY_NOT_CONFIGURED", "This server was started without a relay", {
    fix: "Ask the person to start it with `engram mcp`.",
  });
}

/** The desks, books and the feed of a server's callers. */
export class Relaying implements AsyncDisposable {
  readonly #desks: PerCaller<RelayDesk>;
  readonly #books: PerCaller<RelayBooks | undefined>;
  readonly #feeds: PerCaller<IntelligenceFeed>;
  readonly #open: OpenRelaying;

  constructor(open: OpenRelaying = noRelaying) {
    this.#open = open;
    this.#desks = new PerCaller(open.desk);
    this.#books = new PerCaller(open.books);
    this.#feeds = new PerCaller(open.feed);
  }

  of(caller: Caller): CallerRelay {
    return {
      desk: () => this.#desks.of(caller),
      books: () => this.#books.of(caller),
      feed: () => this.#feeds.of({ kind: "home" }),
    };
  }

  /** Lets every caller's relay go on with what an ended server left undelivered; one that fails stops no other. */
  async resume(): Promise<void> {
    const callers = await this.#open.owing();
    const opened = await Promise.allSettled(callers.map((caller) => this.#desks.of(caller)));
    const failed = opened.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of [this.#desks, this.#feeds, this.#books]) await opened[Symbol.asyncDispose]();
  }
}
