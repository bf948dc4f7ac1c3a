import { isEngramError } from "../../crypto/errors.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { HttpClient } from "../../node/runtime/http-client.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { retryAfter } from "../submit.ts";
import { FEED_NOTICE, type FeedItem, feedItems } from "./feed.ts";
import type { GatewayStore } from "./gateway-store.ts";
import type { Readers } from "./readers.ts";
import type { WebhookMetrics } from "./webhook-metrics.ts";
import type { DueWebhook } from "./webhook-operations.ts";
import type { WebhookSecrets } from "./webhook-secrets.ts";
import { signWebhook } from "./webhook-signature.ts";

export interface WebhookPusherDeps {
  readonly store: GatewayStore;
  readonly readers: Pick<Readers, "named">;
  readonly secrets: WebhookSecrets;
  /** Calls what `webhookFetch` lets it call. */
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<WebhookMetrics, "pushed">;
  /** How long a webhook may fail before it is given up. */
  readonly deadAfterMs: number;
  /** A number in [0, 1) for the wait after a failure; random when absent. */
  readonly draw?: () => number;
}

const DEADLINE_MS = 10_000;
const MAX_REPLY_BYTES = 65_536;
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 3_600_000;
/** Webhooks that are pushed to at a time, and items that are read at once. */
const MAX_AT_ONCE = 16;
const PAGE = 20;
/** Commands of other processes add webhooks, too. */
const LOOK_MS = 15_000;
/** A delivery that is on its way when the gateway stops may end; then it is given up, and made again at the next start. */
const STOP_MS = 2_000;

/**
 * Pushes accepted items to readers' webhooks: each webhook in order, one at a time, at least once, and none waits for
 * another. Only a 2xx is a delivery: redirects are failures like any other answer.
 */
export class WebhookPusher implements AsyncDisposable {
  readonly #deps: WebhookPusherDeps;
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  /** Those that wait for a place, in order: each has its turn before anyone has a second one. */
  readonly #waiting = new Set<string>();
  /** Those that have to look once more when they are done. */
  readonly #again = new Set<string>();
  #news = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(deps: WebhookPusherDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** There may be something to push. */
  ring(): void {
    this.#news.abort();
  }

  /** Pushes what is due and waits until nothing is any more: for tests. */
  async settle(): Promise<void> {
    await this.#startDue();
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#stop.signal.aborted) {
      // Taken before looking, so that what comes meanwhile is not missed.
      this.#news = new AbortController();
      let wait = LOOK_MS;
      try {
        wait = await this.#startDue();
      } catch (error) {
        log.warn({ code: codeOf(error) }, "webhooks could not be looked after; trying later");
      }
      await clock.sleep(wait, AbortSignal.any([this.#stop.signal, this.#news.signal])).catch(() => undefined);
    }
  }

  /** Milliseconds until the next one is due. */
  async #startDue(): Promise<number> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    let wait = LOOK_MS;
    for (const { id, nextAt } of await store.call("activeWebhooks", null)) {
      if (nextAt > now) wait = Math.min(wait, nextAt - now);
      else if (this.#running.has(id)) this.#again.add(id);
      else this.#waiting.add(id);
    }
    this.#fill();
    return wait;
  }

  #fill(): void {
    for (const id of this.#waiting) {
      if (this.#running.size >= MAX_AT_ONCE || this.#stop.signal.aborted) return;
      this.#waiting.delete(id);
      this.#begin(id);
    }
  }

  #begin(id: string): void {
    const work = async () => {
      try {
        do {
          this.#again.delete(id);
        } while ((await this.#push(id)) && this.#again.has(id));
      } catch (error) {
        if (this.#cut.signal.aborted) return;
        this.#deps.log.warn({ webhook: id, code: codeOf(error) }, "a webhook could not be looked after; trying later");
      } finally {
        this.#running.delete(id);
        this.#fill();
      }
    };
    this.#running.set(id, work());
  }

  /** Everything there is for one webhook, or a page while others wait; false once an attempt failed. */
  async #push(id: string): Promise<boolean> {
    const { store, readers } = this.#deps;
    for (;;) {
      // Read anew: it may have been removed, and its reader's scopes changed.
      const webhook = await store.call("activeWebhook", { id });
      if (webhook === null || this.#stop.signal.aborted) return false;
      const { cursor: after, types, assurances, owner } = webhook;
      const reader = readers.named(owner);
      if (!reader.has("feed")) return await this.#failed(webhook, "forbidden", 0);
      const rows = await store.call("feed", { after, limit: PAGE, types, assurances, sinceMs: null });
      const items = feedItems(rows, reader);
      if (items.length === 0) return true;
      for (const item of items) {
        if (this.#stop.signal.aborted || !(await this.#deliver(webhook, item))) return false;
      }
      if (this.#waiting.size > 0) {
        this.#waiting.add(id);
        return false;
      }
    }
  }

  async #deliver(webhook: DueWebhook, item: FeedItem): Promise<boolean> {
    const { store, http, secrets, clock, metrics } = this.#deps;
    const { id, url } = webhook;
    const body = JSON.stringify({
      type: "external_intelligence.accepted",
      timestamp: new Date(item.accepted_at_ms).toISOString(),
      notice: FEED_NOTICE,
      data: item,
    });
    const timestamp = Math.floor(clock.now() / 1_000);
    try {
      const secret = secrets.open(id, webhook.sealed).reveal();
      const headers = signWebhook(secret, { id: `msg_${id.slice(3)}_${item.seq}`, timestamp, body });
      const limits = { deadlineMs: DEADLINE_MS, maxBytes: MAX_REPLY_BYTES, headers, signal: this.#cut.signal };
      const { status, headers: answered } = await http.postJson(url, body, limits);
      if (status < 200 || status >= 300) {
        return await this.#failed(webhook, `http_${status}`, retryAfter(answered), status === 410);
      }
    } catch (error) {
      this.#cut.signal.throwIfAborted();
      return await this.#failed(webhook, codeOf(error), 0);
    }
    await store.call("webhookDelivered", { id, seq: item.seq });
    metrics.pushed("ok");
    return true;
  }

  async #failed(webhook: DueWebhook, code: string, retryAfterMs: number, gone = false): Promise<false> {
    const { store, clock, log, metrics, deadAfterMs, draw = Math.random } = this.#deps;
    const { id, reader } = webhook;
    // Half of the wait is drawn, so that receivers that came back are not met by everybody at once.
    const { attempts } = (await store.call("activeWebhook", { id })) ?? webhook;
    const backoff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 20));
    const now = clock.now();
    const nextAt = Math.ceil(now + Math.max(retryAfterMs, backoff * (0.5 + draw() / 2)));
    const state = await store.call("webhookFailed", { id, code, nextAt, gone, deadAfterMs, now });
    metrics.pushed(state === "dead" ? "dead" : "failed");
    if (state === "dead")
      log.error({ webhook: id, reader, code }, "a webhook is given up: engram gateway webhook revive");
    else log.warn({ webhook: id, reader, code }, "a webhook does not take what is pushed; trying again");
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    const cut = setTimeout(() => this.#cut.abort(), STOP_MS);
    await Promise.all(this.#running.values());
    clearTimeout(cut);
  }
}

function codeOf(error: unknown): string {
  return isEngramError(error) ? error.code : "UNKNOWN";
}
