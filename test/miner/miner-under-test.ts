import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { toHex } from "../../src/crypto/hex.ts";
import { isDerivedNamespaceName } from "../../src/crypto/namespace-name.ts";
import { attestationMessage, namespaceMessage, signRequestBody } from "../../src/crypto/request-auth.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import { x25519Pair } from "../../src/crypto/x25519.ts";
import type { KnownMiner } from "../../src/node/client/replication/miner-client.ts";
import { createMinerApp } from "../../src/node/miner/miner-app.ts";
import { defaultMinerOptions, type MinerDeps, type MinerOptions } from "../../src/node/miner/miner-options.ts";
import { openShareStore, type ShareStore } from "../../src/node/miner/shares/share-store.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { createHttpClient, type HttpClient } from "../../src/node/runtime/http-client.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { EmbeddedCommitments } from "../../src/node/vectors/embedded/record-commitments.ts";
import { FixedChain } from "../support/fixed-chain.ts";
import { HashEmbedder } from "../support/hash-embedder.ts";
import { TestClock } from "../support/test-clock.ts";

export const sr25519 = await loadSr25519();

/** A key pair that signs requests as a client would. */
export class TestKey {
  readonly hotkey: Hotkey;
  readonly #pair;

  constructor(seed: Uint8Array = randomBytes(32)) {
    this.#pair = sr25519.pairFromSeed(seed);
    this.hotkey = hotkeyOf(this.#pair.publicKey);
  }

  sign(message: Uint8Array): Uint8Array {
    return sr25519.sign(this.#pair, message);
  }

  /** The body's text with its signature (spec 5). */
  signed(endpoint: string, bodyText: string, nonce: number): string {
    return signRequestBody({ bodyText, endpoint, nonce, hotkey: this.hotkey, sign: (message) => this.sign(message) });
  }

  /** The body that attests a namespace (spec 8.10). */
  attestation(namespace: string, timestamp_ms: number) {
    const signature = toHex(this.sign(attestationMessage(namespace, timestamp_ms)));
    return { namespace, owner_hotkey: this.hotkey, signature, timestamp_ms };
  }

  /** The fields that open a namespace (spec 6.2). */
  namespace(name: string, timestamp: number) {
    return {
      namespace: name,
      namespace_hotkey: this.hotkey,
      namespace_sig: `0x${toHex(this.sign(namespaceMessage(name, timestamp)))}`,
      namespace_timestamp_ms: timestamp,
    };
  }
}

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
  readonly json: any;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") && text !== "";
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** A miner on a temporary folder, called over its `fetch` as if from another machine. */
export class MinerUnderTest implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly chain = new FixedChain();
  readonly identity = new TestKey();
  readonly store: EmbeddedVectorStore;
  readonly commitments: EmbeddedCommitments;
  readonly shares: ShareStore;
  readonly deps: MinerDeps;
  readonly folder: string;
  #app;
  #lastNonce = 0;

  static async start(options: Partial<MinerOptions> = {}, dim = 8): Promise<MinerUnderTest> {
    return new MinerUnderTest(await mkdtemp(join(tmpdir(), "engram-miner-")), options, dim);
  }

  constructor(folder: string, options: Partial<MinerOptions>, dim: number) {
    this.folder = folder;
    this.store = new EmbeddedVectorStore({ path: join(folder, "miner.sqlite"), clock: this.clock });
    this.commitments = new EmbeddedCommitments({ path: join(folder, "miner.sqlite") });
    this.shares = openShareStore(join(folder, "shares.sqlite"), new Secret(new Uint8Array(32).fill(3)));
    this.deps = {
      store: this.store,
      namespaces: this.store.namespaces,
      commitments: this.commitments,
      shares: this.shares,
      shareKeys: new Secret(x25519Pair(randomBytes(32))),
      embedder: new HashEmbedder(dim),
      chain: this.chain,
      identity: this.identity,
      sr25519,
      clock: this.clock,
      logger: pino({ level: "silent" }),
    };
    this.#app = createMinerApp({ ...defaultMinerOptions, rateLimit: 1_000_000, ...options }, this.deps);
  }

  /** The app again on the same store, as after a restart of the process. */
  restart(options: Partial<MinerOptions> = {}, deps: Partial<MinerDeps> = {}): void {
    const all = { ...this.deps, ...deps };
    this.#app = createMinerApp({ ...defaultMinerOptions, rateLimit: 1_000_000, ...options }, all);
  }

  /** A time nobody signed with yet. */
  nonce(): number {
    this.#lastNonce = Math.max(this.#lastNonce + 1, this.clock.now());
    // Tests that sign for longer than a signature may be ahead of the clock take the time with them.
    if (this.#lastNonce > this.clock.now() + 1_000) this.clock.time = this.#lastNonce;
    return this.#lastNonce;
  }

  async call(
    method: string,
    path: string,
    body?: Body,
    headers: Readonly<Record<string, string>> = {},
    peer = "198.51.100.1",
  ): Promise<Answer> {
    const init = { method, headers, ...(body === undefined ? {} : { body, duplex: "half" as const }) };
    const response = await this.#app.fetch(new Request(`http://miner${path}`, init), { peer });
    return answerOf(response);
  }

  /** What it serves, as an OpenAPI document writes it. */
  routes(): readonly string[] {
    const served = this.#app.routes.filter(({ method, path }) => method !== "ALL" && path !== "/*");
    return [...new Set(served.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`))];
  }

  /** As `call`, over the operator's own listener. */
  async adminCall(method: string, path: string, body?: object): Promise<Answer> {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const request = new Request(`http://127.0.0.1:8092${path}`, { method, ...text });
    return answerOf(await this.#app.fetch(request, { peer: "127.0.0.1", admin: true }));
  }

  /** The app itself, for callers of their own. */
  readonly fetch = async (request: Request, bindings: object = { peer: "198.51.100.1" }): Promise<Response> =>
    this.#app.fetch(request, bindings);

  /** As a node calls another: over btauth/1 headers, taking a success only when this miner signed it. */
  auth2(key: TestKey): { readonly caller: Auth2Caller; readonly http: HttpClient; readonly miner: KnownMiner } {
    return {
      caller: new Auth2Caller({ signer: key, sr25519, clock: this.clock }),
      http: createHttpClient(this.fetch),
      miner: { hotkey: this.identity.hotkey, url: "http://miner", embedded: false, uid: 0 },
    };
  }

  post(endpoint: string, body: object, peer?: string): Promise<Answer> {
    return this.call("POST", `/${endpoint}`, JSON.stringify(body), {}, peer);
  }

  /** As `post`, signed by `key`. */
  signedPost(key: TestKey, endpoint: string, body: object): Promise<Answer> {
    return this.call("POST", `/${endpoint}`, key.signed(endpoint, JSON.stringify(body), this.nonce()));
  }

  /** As `post`, about the key's namespace; one with a name as clients of ours make them is signed whole, as they do. */
  namespacePost(key: TestKey, namespace: string, endpoint: string, body: object): Promise<Answer> {
    const whole = { ...body, ...key.namespace(namespace, this.nonce()) };
    return isDerivedNamespaceName(namespace) ? this.signedPost(key, endpoint, whole) : this.post(endpoint, whole);
  }

  delete(key: TestKey, cid: string, body: object = { cid }): Promise<Answer> {
    const text = key.signed("DeleteSynapse", JSON.stringify(body), this.nonce());
    return this.call("DELETE", `/retrieve/${encodeURIComponent(cid)}`, text);
  }

  retrieve(cid: string): Promise<Answer> {
    return this.call("GET", `/retrieve/${encodeURIComponent(cid)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shares[Symbol.asyncDispose]();
    await this.commitments[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export const unit = [1, 0, 0, 0, 0, 0, 0, 0];
export const tilted = [0.6, 0.8, 0, 0, 0, 0, 0, 0];
