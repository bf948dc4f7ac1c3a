import { EngramError, isEngramError } from "../../crypto/errors.ts";
import type { HttpClient, HttpReply } from "../runtime/http-client.ts";

/** So many calls in a row without any answer, and the miner is asked nothing more in this round. */
const GIVE_UP_AFTER = 2;

/**
 * One miner's line for one round: as the client beneath, until the miner was silent too often; from then on every call
 * fails at once with `MINER_SILENT`. So a dead miner costs a round two deadlines and not one for each call (V-W15). An
 * answer of any kind, also a refusal, is no silence.
 */
export class MinerLine implements HttpClient {
  readonly #http: HttpClient;
  #silent = 0;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Whether nothing more is asked. */
  get isDead(): boolean {
    return this.#silent >= GIVE_UP_AFTER;
  }

  /** Asks nothing more. */
  giveUp(): void {
    this.#silent = GIVE_UP_AFTER;
  }

  get(...call: Parameters<HttpClient["get"]>): Promise<HttpReply> {
    return this.#watch(() => this.#http.get(...call));
  }

  postJson(...call: Parameters<HttpClient["postJson"]>): Promise<HttpReply> {
    return this.#watch(() => this.#http.postJson(...call));
  }

  delete(...call: Parameters<HttpClient["delete"]>): Promise<HttpReply> {
    return this.#watch(() => this.#http.delete(...call));
  }

  async #watch(call: () => Promise<HttpReply>): Promise<HttpReply> {
    if (this.isDead) throw new EngramError("MINER_SILENT", "the miner did not answer earlier calls of this round");
    try {
      const reply = await call();
      this.#silent = 0;
      return reply;
    } catch (error) {
      if (isEngramError(error, "HTTP_TIMEOUT") || isEngramError(error, "HTTP_UNREACHABLE")) this.#silent += 1;
      throw error;
    }
  }
}
