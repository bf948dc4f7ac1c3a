import { cidOf } from "../../src/crypto/cid.ts";
import { EngramError } from "../../src/crypto/errors.ts";
import { fromHex } from "../../src/crypto/hex.ts";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { storageProof } from "../../src/crypto/storage-proof.ts";
import type { HttpClient, HttpReply } from "../../src/node/runtime/http-client.ts";

/** What a node answers to one call; null: nothing, ever. */
export interface ScriptedAnswer {
  readonly status: number;
  readonly text: string;
  /** As the caller measures it. */
  readonly elapsedMs: number;
  readonly headers?: Headers;
}

export interface ScriptedCall {
  readonly method: string;
  readonly path: string;
  readonly bodyText: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

type Node = (call: ScriptedCall) => ScriptedAnswer | null | Promise<ScriptedAnswer | null>;

/** A network in which calls take the time their nodes say, and none of this machine's. */
export class ScriptedNetwork implements HttpClient {
  /** By origin. */
  readonly nodes = new Map<string, Node>();
  /** Calls made, by origin. */
  readonly calls = new Map<string, number>();

  get(url: string, options: Parameters<HttpClient["get"]>[1]): Promise<HttpReply> {
    return this.#call("GET", url, null, options);
  }

  postJson(url: string, bodyText: string, options: Parameters<HttpClient["postJson"]>[2]): Promise<HttpReply> {
    return this.#call("POST", url, bodyText, options);
  }

  delete(url: string, bodyText: string | null, options: Parameters<HttpClient["delete"]>[2]): Promise<HttpReply> {
    return this.#call("DELETE", url, bodyText, options);
  }

  async #call(method: string, url: string, bodyText: string | null, options: Parameters<HttpClient["get"]>[1]) {
    const { origin, pathname: path } = new URL(url);
    this.calls.set(origin, (this.calls.get(origin) ?? 0) + 1);
    options.signal?.throwIfAborted();
    const node = this.nodes.get(origin);
    if (!node) throw new EngramError("HTTP_UNREACHABLE", "nobody is there");
    const answer = await node({ method, path, bodyText, headers: options.headers ?? {} });
    if (answer === null || answer.elapsedMs > options.deadlineMs) throw new EngramError("HTTP_TIMEOUT", "no answer");
    if (Buffer.byteLength(answer.text) > options.maxBytes) throw new EngramError("HTTP_TOO_LARGE", "too much");
    return { headers: new Headers(), ...answer };
  }
}

interface Habits {
  /** What a call takes, in milliseconds; null: it is dead. */
  readonly latencyMs: () => number | null;
  /** What it says a query took. */
  readonly claimedMs?: number;
  /** Whether it still has a record that it took. */
  readonly keeps?: (cid: string) => boolean;
}

/** A miner of the reference in memory: takes what it is given, proves and finds what it keeps. */
export class ScriptedMiner {
  readonly hotkey: Hotkey;
  readonly #habits: Habits;
  readonly #records = new Map<string, Float32Array>();

  constructor(hotkey: Hotkey, habits: Habits) {
    this.hotkey = hotkey;
    this.#habits = habits;
  }

  /** Its side of a `ScriptedNetwork`. */
  readonly answer = ({ path, bodyText }: ScriptedCall): ScriptedAnswer | null => {
    const elapsedMs = this.#habits.latencyMs();
    if (elapsedMs === null) return null;
    const reply = this.reply(path, bodyText === null ? {} : JSON.parse(bodyText));
    return reply === null
      ? { status: 404, text: '{"error":"not found"}', elapsedMs }
      : { status: 200, text: JSON.stringify(reply), elapsedMs };
  };

  /** What it says; null: it has no such thing. */
  // biome-ignore lint/suspicious/noExplicitAny: a body of the test's own making
  reply(path: string, body: any): object | null {
    if (path === "/IngestSynapse") return { cid: this.#store(Float32Array.from(body.raw_embedding)) };
    if (path === "/QuerySynapse") {
      const claimed = this.#habits.claimedMs;
      return { results: this.#nearest(body.query_vector, body.top_k), ...(claimed && { latency_ms: claimed }) };
    }
    if (path !== "/ChallengeSynapse") return path === "/health" ? { status: "ok" } : null;
    const embedding = this.#records.get(body.cid);
    const [nonce, validator] = [body.nonce_hex, body.validator_hotkey_hex].map((hex) => fromHex(hex ?? "", 32));
    return embedding && nonce && validator ? storageProof(embedding, nonce, validator) : null;
  }

  #store(embedding: Float32Array): string {
    const cid = cidOf({ embedding, metadata: new Map() });
    if (this.#habits.keeps?.(cid) ?? true) this.#records.set(cid, embedding);
    return cid;
  }

  #nearest(query: readonly number[], count: number): readonly { cid: string; score: number }[] {
    const scored = Array.from(this.#records, ([cid, embedding]) => ({ cid, score: cosine(query, embedding) }));
    return scored.sort((one, other) => other.score - one.score).slice(0, count);
  }
}

function cosine(query: readonly number[], embedding: Float32Array): number {
  return embedding.reduce((sum, component, index) => sum + component * (query[index] ?? 0), 0);
}
