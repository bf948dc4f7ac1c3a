import pRetry from "p-retry";
import type { z } from "zod";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { loadSr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { ChainSigner } from "../../ports.ts";
import { Auth2Caller } from "../../protocol/auth2-caller.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createHttpClient, type HttpReply } from "../../runtime/http-client.ts";
import { readFailure, readJson, replies } from "./chain-wire.ts";

const DEADLINE_MS = 10_000;
/** A metagraph of 4,096 neurons takes about 1.2 MB, all rows of 64 validators about 3 MB. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024;

/** A kept socket may be closing just as it is used, after a restart too. Writes are not repeated: they may have counted. */
const READ_RETRIES = { retries: 2, minTimeout: 50, maxTimeout: 200 } as const;

interface Options {
  readonly url: string;
  readonly identity: string | undefined;
  readonly clock: Clock;
}

interface CallOptions {
  /** How long the server may hold the question, beside its deadline. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

type Named = z.ZodType<{ readonly chain: string }>;
type Peer = z.output<typeof replies.chain>;

/** Speaks with one served chain and takes no other in its place. */
export class ChainConnection {
  readonly #options: Options;
  readonly #http = createHttpClient();
  readonly #callers = new Map<Hotkey, Auth2Caller>();
  #peer: Peer | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The chain at the other end, as it was at the first call. */
  async peer(): Promise<Peer> {
    if (this.#peer) return this.#peer;
    const found = this.#read(await this.#ask("/chain", {}), replies.chain);
    this.#peer ??= found;
    return this.#peer;
  }

  async get<T extends Named>(path: string, schema: T, options: CallOptions = {}): Promise<z.output<T>> {
    await this.peer();
    return this.#read(await this.#ask(path, options), schema);
  }

  async post<T extends Named>(path: string, body: unknown, schema: T): Promise<z.output<T>> {
    await this.peer();
    const { url } = this.#options;
    return this.#read(
      await reach(() => this.#http.postJson(`${url}${path}`, JSON.stringify(body), limits({}))),
      schema,
    );
  }

  /** Posts with auth2 headers of `signer`; the reply is one that the chain's own hotkey signed. */
  async postSigned<T extends Named>(signer: ChainSigner, path: string, body: unknown, schema: T): Promise<z.output<T>> {
    const { url, clock } = this.#options;
    const { hotkey } = await this.peer();
    const sr25519 = await loadSr25519();
    // One per hotkey: it never uses a nonce twice.
    const caller = this.#callers.get(signer.hotkey) ?? new Auth2Caller({ signer, sr25519, clock });
    this.#callers.set(signer.hotkey, caller);
    const peer = { hotkey, url };
    return this.#read(await reach(() => caller.post(this.#http, peer, path, JSON.stringify(body), limits({}))), schema);
  }

  async #ask(path: string, options: CallOptions): Promise<HttpReply> {
    const { signal } = options;
    return await pRetry(() => reach(() => this.#http.get(`${this.#options.url}${path}`, limits(options))), {
      ...READ_RETRIES,
      shouldRetry: ({ error }) => isEngramError(error, "CHAIN_UNREACHABLE"),
      ...(signal ? { signal } : {}),
    });
  }

  #read<T extends Named>(reply: HttpReply, schema: T): z.output<T> {
    if (reply.status !== 200) throw readFailure(reply.text) ?? notOurs();
    const parsed = schema.safeParse(readJson(reply.text));
    if (!parsed.success) throw notOurs();
    const expected = this.#peer?.chain ?? this.#options.identity ?? parsed.data.chain;
    if (parsed.data.chain === expected) return parsed.data;
    throw new EngramError("CHAIN_IDENTITY", "another chain answers at this address", {
      fix: "check ENGRAM_CHAIN: what was signed for one chain counts on no other",
    });
  }
}

function limits({ waitMs = 0, signal }: CallOptions) {
  return { deadlineMs: DEADLINE_MS + waitMs, maxBytes: MAX_REPLY_BYTES, ...(signal ? { signal } : {}) };
}

/** Tells failures of the way to the chain apart from those of other nodes. */
async function reach(call: () => Promise<HttpReply>): Promise<HttpReply> {
  try {
    return await call();
  } catch (error) {
    if (!isEngramError(error) || !error.code.startsWith("HTTP_")) throw error;
    const code = error.code === "HTTP_TIMEOUT" ? "CHAIN_TIMEOUT" : "CHAIN_UNREACHABLE";
    throw new EngramError(code, "the local chain did not answer", {
      fix: "start it with engram up or engram chain, or check the address in ENGRAM_CHAIN",
      cause: error,
    });
  }
}

function notOurs(): EngramError {
  return new EngramError("CHAIN_REPLY_INVALID", "the reply is not one of a local chain", {
    fix: "check the address in ENGRAM_CHAIN, and that both sides run the same version",
  });
}
