import { setMaxListeners } from "node:events";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import { JsonRpcSocket, type Listener, RpcRefusal, unreachable } from "./json-rpc-socket.ts";
import type { SubtensorNetwork } from "./networks.ts";

/** How long an endpoint that failed is left alone: doubled with each failure, and longest. */
const REST_MS = { first: 500, throttled: 1_000, longest: 30_000, liar: 600_000 } as const;

/** What another endpoint may know when one does not keep it any more. */
const FORGOTTEN = /discarded|unknown block|pruned|not found in the database|block 0x[0-9a-f]+ not found/i;

interface Endpoint {
  readonly url: string;
  socket: JsonRpcSocket | undefined;
  opening: Promise<JsonRpcSocket> | undefined;
  failures: number;
  restsUntil: number;
}

interface PoolDeps {
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** One endpoint as others see it. */
export interface EndpointCall {
  readonly url: string;
  request(method: string, params?: readonly unknown[]): Promise<unknown>;
}

interface SubscriptionNames {
  readonly method: string;
  readonly unsubscribe: string;
  readonly params?: readonly unknown[];
}

/** `ended` aborts when the endpoint is lost. */
interface PoolSubscription extends Disposable {
  readonly ended: AbortSignal;
}

/**
 * The endpoints of one chain, asked one after the other until one answers: each at most once per question, and those
 * that failed not before they rested. Whoever has another genesis than the chain is never asked again.
 * Errors: `CHAIN_UNREACHABLE`, `CHAIN_TIMEOUT`, `CHAIN_IDENTITY`, `RpcRefusal`.
 */
export class EndpointPool implements Disposable {
  readonly #deps: PoolDeps;
  readonly #endpoints: readonly Endpoint[];
  readonly #closing = new AbortController();
  #genesis: string | undefined;
  #current: Endpoint | undefined;

  constructor({ urls, genesis }: SubtensorNetwork, deps: PoolDeps) {
    this.#deps = deps;
    this.#genesis = genesis;
    // As many listen as there are questions under way.
    setMaxListeners(0, this.#closing.signal);
    this.#endpoints = urls.map((url) => ({
      ...{ url, socket: undefined, opening: undefined, failures: 0, restsUntil: 0 },
    }));
  }

  /** How many endpoints there are, whether they answer or not. */
  get size(): number {
    return this.#endpoints.length;
  }

  /** The hash of the chain's first block. */
  async genesis(): Promise<string> {
    if (this.#genesis === undefined) await this.use(async () => undefined);
    if (this.#genesis === undefined) throw unreachable();
    return this.#genesis;
  }

  async request(method: string, params: readonly unknown[] = [], signal?: AbortSignal): Promise<unknown> {
    return await this.use((socket) => this.#ask(socket, method, params, signal), signal);
  }

  /** Runs `work` with one connection; with the next endpoint's when that one fails. `work` must bear repetition. */
  async use<T>(work: (socket: JsonRpcSocket) => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await this.#round(work, signal);
    } catch (error) {
      // A connection that was merely cut is back in a moment: the one second chance there is.
      const wait = Math.min(...this.#endpoints.map(({ restsUntil }) => restsUntil)) - this.#deps.clock.now();
      if (!isEngramError(error, "CHAIN_UNREACHABLE") || wait > REST_MS.throttled) throw error;
      await this.#deps.clock.sleep(Math.max(wait, 1), this.#closing.signal);
      return await this.#round(work, signal);
    }
  }

  async #round<T>(work: (socket: JsonRpcSocket) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let failure: unknown = unreachable();
    for (const endpoint of this.#awake()) {
      signal?.throwIfAborted();
      this.#throwIfClosed();
      try {
        const answer = await this.#with(endpoint, work);
        this.#current = endpoint;
        return answer;
      } catch (error) {
        failure = error;
        signal?.throwIfAborted();
        if (!isWorthAnother(error)) throw error;
      }
    }
    throw failure;
  }

  /** Asks every endpoint that is awake the same at once; those that fail are left out. */
  async everyone<T>(work: (endpoint: EndpointCall) => Promise<T>): Promise<readonly { url: string; answer: T }[]> {
    const answers = await Promise.all(
      this.#awake().map(async (endpoint) => {
        const { url } = endpoint;
        try {
          const call = (socket: JsonRpcSocket) =>
            work({ url, request: (method, params = []) => this.#ask(socket, method, params) });
          return [{ url, answer: await this.#with(endpoint, call) }];
        } catch (error) {
          if (isEngramError(error, "CHAIN_IDENTITY") && this.size === 1) throw error;
          return [];
        }
      }),
    );
    return answers.flat();
  }

  /** Leaves an endpoint alone that said what the others deny. */
  setAside(url: string): void {
    const endpoint = this.#endpoints.find((one) => one.url === url);
    if (!endpoint) return;
    endpoint.restsUntil = this.#deps.clock.now() + REST_MS.liar;
    endpoint.socket?.[Symbol.dispose]();
    if (this.#current === endpoint) this.#current = undefined;
  }

  /** Subscribes at the first endpoint that takes it. */
  async subscribe(names: SubscriptionNames, listener: Listener, signal?: AbortSignal): Promise<PoolSubscription> {
    return await this.use((socket) => this.#subscribeAt(socket, names, listener, signal), signal);
  }

  /** Subscribes at one endpoint and asks no other when it fails: what it heard of may have counted. */
  async subscribeOnce(names: SubscriptionNames, listener: Listener): Promise<PoolSubscription> {
    const [endpoint] = this.#awake();
    if (!endpoint) throw unreachable();
    return await this.#with(endpoint, (socket) => this.#subscribeAt(socket, names, listener));
  }

  async #subscribeAt(socket: JsonRpcSocket, names: SubscriptionNames, listener: Listener, signal?: AbortSignal) {
    const options = { deadlineMs: this.#deps.deadlineMs, signal: this.#ending(signal) };
    const held = await socket.subscribe(names, listener, options);
    return { [Symbol.dispose]: () => held[Symbol.dispose](), ended: socket.lost };
  }

  /** Those that do not rest, the one in use first. */
  #awake(): readonly Endpoint[] {
    const now = this.#deps.clock.now();
    const awake = this.#endpoints.filter((endpoint) => endpoint.restsUntil <= now);
    const current = this.#current;
    return current && awake.includes(current) ? [current, ...awake.filter((one) => one !== current)] : awake;
  }

  async #with<T>(endpoint: Endpoint, work: (socket: JsonRpcSocket) => Promise<T>): Promise<T> {
    try {
      const answer = await work(await this.#connected(endpoint));
      endpoint.failures = 0;
      return answer;
    } catch (error) {
      if (isThrottled(error)) {
        endpoint.restsUntil = this.#deps.clock.now() + REST_MS.throttled;
        throw unreachable(error);
      }
      if (isTransport(error)) this.#rest(endpoint);
      throw error;
    }
  }

  async #connected(endpoint: Endpoint): Promise<JsonRpcSocket> {
    if (endpoint.socket && !endpoint.socket.lost.aborted) return endpoint.socket;
    endpoint.opening ??= this.#open(endpoint).finally(() => {
      endpoint.opening = undefined;
    });
    return await endpoint.opening;
  }

  async #open(endpoint: Endpoint): Promise<JsonRpcSocket> {
    const { deadlineMs } = this.#deps;
    const socket = await JsonRpcSocket.open(endpoint.url, { deadlineMs, signal: this.#closing.signal });
    try {
      const genesis = await this.#ask(socket, "chain_getBlockHash", [0]);
      if (typeof genesis !== "string") throw notOurs();
      this.#genesis ??= genesis;
      if (genesis !== this.#genesis) throw otherChain();
      this.#throwIfClosed();
      endpoint.socket = socket;
      return socket;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  async #ask(
    socket: JsonRpcSocket,
    method: string,
    params: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<unknown> {
    return await socket.request(method, params, { deadlineMs: this.#deps.deadlineMs, signal: this.#ending(signal) });
  }

  #ending(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  /** One that hangs is given up wholly: its later answers count no more. */
  #rest(endpoint: Endpoint): void {
    const ms = Math.min(REST_MS.first * 2 ** endpoint.failures, REST_MS.longest);
    endpoint.failures = Math.min(endpoint.failures + 1, 16);
    endpoint.restsUntil = this.#deps.clock.now() + ms;
    endpoint.socket?.[Symbol.dispose]();
    endpoint.socket = undefined;
  }

  #throwIfClosed(): void {
    this.#closing.signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    this.#closing.abort(
      new EngramError("CHAIN_CLOSED", "the chain client was closed", { fix: "open it again to go on" }),
    );
    for (const { socket } of this.#endpoints) socket?.[Symbol.dispose]();
  }
}

function isTransport(error: unknown): boolean {
  return (
    isEngramError(error, "CHAIN_UNREACHABLE") ||
    isEngramError(error, "CHAIN_TIMEOUT") ||
    isEngramError(error, "CHAIN_IDENTITY")
  );
}

function isWorthAnother(error: unknown): boolean {
  return isTransport(error) || isForgotten(error);
}

/** Public endpoints answer about one question a second. The pool's own refusals have other codes. */
function isThrottled(error: unknown): boolean {
  return error instanceof RpcRefusal && error.rpcCode < 0 && /too many|rate.?limit/i.test(error.detail);
}

/** Whether a node refused because it does not keep that block's state. */
export function isForgotten(error: unknown): boolean {
  return error instanceof RpcRefusal && FORGOTTEN.test(error.detail);
}

function otherChain(): EngramError {
  return new EngramError("CHAIN_IDENTITY", "another chain answers at an endpoint of ENGRAM_CHAIN", {
    fix: "check ENGRAM_CHAIN: what was signed for one chain counts on no other",
  });
}

/** What is no answer of a Subtensor node. */
export function notOurs(): EngramError {
  return new EngramError("CHAIN_REPLY_INVALID", "the reply is not one of a Subtensor node", {
    fix: "check the addresses in ENGRAM_CHAIN, and that this version of Engram knows the chain's runtime",
  });
}
