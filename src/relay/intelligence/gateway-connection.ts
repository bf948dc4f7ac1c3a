import { isEngramError } from "../../crypto/errors.ts";
import type { Fetch, HttpClient, HttpReply } from "../../node/runtime/http-client.ts";
import { createHttpClient } from "../../node/runtime/http-client.ts";
import type { Secret } from "../../node/runtime/secret.ts";
import type { Assurance } from "../payload/types.ts";
import type { Hex } from "../payment/payment-types.ts";
import { openEventStream, type ServerEvent } from "./event-stream.ts";
import { feedPage, gatewayPage, type SubmissionState, submissionState, successionsPage } from "./feed-wire.ts";
import { readReply, replied } from "./gateway-replies.ts";
import { ItemRefusal } from "./item-refusal.ts";
import type { ReaderLimits } from "./reader-limits.ts";
import type { IntelligenceQuery } from "./types.ts";

const FEED = "/v1/external-intelligence";
const DEFAULT_ITEMS = 20;

/** A gateway's pages, each asked for with a deadline and a limit. Redirects are refused. */
export class GatewayConnection {
  readonly #url: string;
  readonly #limits: ReaderLimits;
  readonly #send: Fetch;
  readonly #http: HttpClient;

  /** `url` without a trailing slash. `token` is the gateway's for this reader. */
  constructor(url: string, limits: ReaderLimits, send: Fetch = (request) => fetch(request), token?: Secret<string>) {
    this.#url = url;
    this.#limits = limits;
    this.#send = (request) => {
      if (token) request.headers.set("authorization", `Bearer ${token.reveal()}`);
      return send(request);
    };
    this.#http = createHttpClient(this.#send);
  }

  /** The items of one page, as they came. */
  async page(query: IntelligenceQuery, signal: AbortSignal): Promise<readonly unknown[]> {
    let limit = query.limit ?? DEFAULT_ITEMS;
    for (;;) {
      try {
        const found = await this.#get(`${FEED}?${filters(query, limit)}`, this.#limits.pageBytes, signal);
        return readReply(feedPage, replied(found)).external_intelligence.slice(0, limit);
      } catch (error) {
        // Large items: fewer of them fit.
        if (!isEngramError(error, "HTTP_TOO_LARGE") || limit === 1) throw error;
        limit = Math.ceil(limit / 4);
      }
    }
  }

  /** What proves an item of that assurance. Throws `ItemRefusal`. */
  async evidence(id: string, assurance: Assurance, signal: AbortSignal): Promise<SubmissionState> {
    const reply = await this.#get(`/relay/${id}?assurance=${assurance}`, this.#limits.evidenceBytes, signal);
    if (reply.status === 404) throw new ItemRefusal("receipt_missing");
    const parsed = submissionState.safeParse(shown(reply));
    if (!parsed.success) throw new ItemRefusal("receipt_missing");
    return parsed.data;
  }

  /** Whom the gateway says it is paid by; null when it asks for nothing. */
  async payee(signal: AbortSignal): Promise<Hex | null> {
    const page = readReply(gatewayPage, replied(await this.#get("/v1/gateway", this.#limits.smallBytes, signal)));
    return (page.price?.pay_to as Hex | undefined) ?? null;
  }

  /** Who signed the receipts when, as the gateway tells it; undefined where it knows no such page. */
  async successions(signal: AbortSignal): Promise<unknown> {
    const reply = await this.#get("/v1/successions", this.#limits.pageBytes, signal);
    return reply.status === 404 ? undefined : readReply(successionsPage, replied(reply)).successions;
  }

  /** Where the gateway says its chain of receipts stands, unjudged; undefined where it knows no such page. */
  async checkpoint(signal: AbortSignal): Promise<unknown> {
    const reply = await this.#get("/v1/checkpoint", this.#limits.smallBytes, signal);
    return reply.status === 404 ? undefined : replied(reply);
  }

  /** Events behind `after`, until the connection ends. */
  events(query: IntelligenceQuery, after: number, signal: AbortSignal): AsyncGenerator<ServerEvent, void> {
    const request = new Request(`${this.#url}${FEED}/stream?${filters({ ...query, after })}`, {
      headers: { accept: "text/event-stream", "last-event-id": `${after}` },
      redirect: "manual",
    });
    return openEventStream(this.#send, request, this.#limits, signal);
  }

  async #get(path: string, maxBytes: number, signal: AbortSignal): Promise<HttpReply> {
    const { deadlineMs } = this.#limits;
    return await this.#http.get(this.#url + path, { deadlineMs, maxBytes, signal });
  }
}

function filters(query: IntelligenceQuery, limit?: number): string {
  const { types = [], minAssurance = "quorum", after, sinceMs } = query;
  const found = new URLSearchParams({ min_assurance: minAssurance });
  if (types.length > 0) found.set("type", types.join(","));
  for (const [name, value] of Object.entries({ since: after, since_ms: sinceMs, limit })) {
    if (value !== undefined) found.set(name, `${value}`);
  }
  return found.toString();
}

/** One item whose proof is answered with a redirect or an error must not end the reading of the others. */
function shown(reply: HttpReply): unknown {
  try {
    return replied(reply);
  } catch (error) {
    throw isEngramError(error, "GATEWAY_REFUSED") ? new ItemRefusal("withheld") : error;
  }
}
