import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { toHex } from "../../src/crypto/hex.ts";
import { signRequestBody } from "../../src/crypto/request-auth.ts";
import { loadSr25519, type Sr25519, type Sr25519Pair } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";

const DIM = 512;
/** Records that one worker keeps: beyond them the oldest is deleted, so that the miner's content stays as large as it is. */
const KEPT = 50;

type Operation = "ingest" | "query" | "challenge" | "delete";

/** One caller, and the records that are its own. */
interface Caller {
  readonly pair: Sr25519Pair;
  readonly kept: string[];
  lastNonce: number;
}

/** Signed ingests, queries, challenges and deletes, several at a time, without end; it can be paused. */
export class SoakLoad implements AsyncDisposable {
  readonly counts: Record<Operation, number> = { ingest: 0, query: 0, challenge: 0, delete: 0 };
  readonly #url: string;
  readonly #sr25519: Sr25519;
  readonly #callers: readonly Caller[];
  #agent = new Agent({ keepAlive: true });
  #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  static async create(url: string, connections: number): Promise<SoakLoad> {
    return new SoakLoad(url, connections, await loadSr25519());
  }

  private constructor(url: string, connections: number, sr25519: Sr25519) {
    this.#url = url;
    this.#sr25519 = sr25519;
    this.#callers = Array.from({ length: connections }, () => ({
      pair: sr25519.pairFromSeed(randomBytes(32)),
      kept: [],
      lastNonce: 0,
    }));
  }

  start(): void {
    this.#stopping = new AbortController();
    this.#agent = new Agent({ keepAlive: true });
    this.#running = Promise.all(this.#callers.map((caller) => this.#work(caller)));
    // Told by `pause`.
    this.#running.catch(() => this.#stopping.abort());
  }

  /** Finishes the requests in flight and closes every connection. Throws what a request failed with. */
  async pause(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pause().catch(() => undefined);
  }

  async #work(caller: Caller): Promise<void> {
    const { kept, pair } = caller;
    while (!this.#stopping.signal.aborted) {
      const { cid } = await this.#post("ingest", "IngestSynapse", caller, { raw_embedding: vector() });
      if (cid === undefined) throw new Error("an ingest was not acknowledged");
      kept.push(cid);
      await this.#post("query", "QuerySynapse", caller, { query_vector: vector(), top_k: 10 });
      await this.#post("challenge", "ChallengeSynapse", caller, {
        cid: kept[Math.floor(Math.random() * kept.length)],
        nonce_hex: toHex(randomBytes(32)),
        expires_at: Math.floor(Date.now() / 1000) + 10,
        validator_hotkey_hex: toHex(pair.publicKey),
      });
      const oldest = kept.length > KEPT ? kept.shift() : undefined;
      if (oldest !== undefined) await this.#delete(caller, oldest);
    }
  }

  async #post(
    operation: Operation,
    endpoint: string,
    caller: Caller,
    body: object,
  ): Promise<{ readonly cid?: string }> {
    const reply = await this.#send("POST", `/${endpoint}`, this.#signed(endpoint, caller, body));
    this.counts[operation] += 1;
    return reply as { readonly cid?: string };
  }

  async #delete(caller: Caller, cid: string): Promise<void> {
    const body = this.#signed("DeleteSynapse", caller, { cid });
    await this.#send("DELETE", `/retrieve/${encodeURIComponent(cid)}`, body);
    this.counts.delete += 1;
  }

  #signed(endpoint: string, caller: Caller, body: object): string {
    const { pair } = caller;
    caller.lastNonce = Math.max(caller.lastNonce + 1, Date.now());
    return signRequestBody({
      bodyText: JSON.stringify(body),
      endpoint,
      nonce: caller.lastNonce,
      hotkey: hotkeyOf(pair.publicKey),
      sign: (message) => this.#sr25519.sign(pair, message),
    });
  }

  async #send(method: string, path: string, body: string): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const outgoing = request(`${this.#url}${path}`, { method, agent: this.#agent, headers }, async (response) => {
      try {
        const reply: unknown = JSON.parse(await text(response));
        if (response.statusCode === 200) resolve(reply);
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${JSON.stringify(reply)}`));
      } catch (error) {
        reject(error);
      }
    });
    outgoing.once("error", reject).end(body);
    return promise;
  }
}

function vector(): number[] {
  return Array.from(new Int8Array(randomBytes(DIM)), (value) => value / 128);
}
