import { join } from "node:path";
import { Hono } from "hono";
import type { Cid } from "../../../src/crypto/cid.ts";
import { signRequestBody } from "../../../src/crypto/request-auth.ts";
import {
  type PublicMemory,
  publicRecordCid,
  publicRecords,
} from "../../../src/node/client/replication/public-record.ts";
import { readMinerConfig } from "../../../src/node/miner/miner-config.ts";
import { type RunningMiner, startMiner } from "../../../src/node/miner/start-miner.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { proposeRoutes } from "../../../src/relay/cosign/routes.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { openOutbox } from "../../../src/relay/outbox/outbox.ts";
import { type FrozenOutput, freezeMemory, type MemoryEvidence } from "../../../src/relay/payload/freeze-output.ts";
import type { PayloadSigner } from "../../../src/relay/payload/sign-payload.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { quiet } from "../../support/client-bench.ts";
import { TestEmbedder } from "../../support/test-embedder.ts";
import { GatewayKit, type Signer } from "../gateway/gateway-kit.ts";
import { StillClock, silent, sr25519 } from "../relay-kit.ts";

/** What a miner does with a request for a record's bytes. */
export type Fault = "lies" | "hides";
type Answering = (request: Request) => Response | Promise<Response>;

/** A memory on miners, with the CID they hold it under. */
export interface Held {
  readonly memory: PublicMemory;
  readonly cid: Cid;
}

const NETUID = 450;
const embedder = new TestEmbedder();

/** Four validators that answer proposals, real miners, a gateway, and an author that is registered nowhere. */
export class ProposeKit implements AsyncDisposable {
  readonly kit: GatewayKit;
  readonly gateway: RunningGateway;
  readonly clock = new StillClock();
  readonly #stack: ReleaseStack;
  readonly #miners: RunningMiner[] = [];
  readonly #validators = new Map<string, Answering>();
  /** By the miner's URL. */
  readonly faults = new Map<string, Fault>();
  /** By the validator's number: answers in its place. */
  readonly byzantine = new Map<number, (own: Answering, request: Request) => Response | Promise<Response>>();
  /** By CID: what every miner gives for it, whatever it holds. */
  readonly planted = new Map<string, object>();
  /** Requests for bytes that reached miners. */
  fetched = 0;

  private constructor(kit: GatewayKit, gateway: RunningGateway, stack: ReleaseStack) {
    this.kit = kit;
    this.gateway = gateway;
    this.#stack = stack;
    this.clock.time = Date.now();
  }

  static async open(): Promise<ProposeKit> {
    await using stack = new ReleaseStack();
    const kit = stack.use(await GatewayKit.open());
    const gateway = stack.use(await kit.start());
    const made = new ProposeKit(kit, gateway, stack.move());
    for (const name of ["a", "b", "c"]) await made.#miner(name);
    for (const [index, signer] of kit.validators.entries()) await made.#validator(index, signer);
    await kit.chain.step(10);
    return made;
  }

  get miners(): readonly string[] {
    return this.#miners.map(({ url }) => url);
  }

  get author(): PayloadSigner {
    return this.kit.stranger;
  }

  /** The author's relay; validators are found on the chain. */
  relay(name = "author", signer: PayloadSigner = this.author): Relay {
    const { url, hotkey } = this.gateway;
    return new Relay({
      home: join(this.kit.folder, name),
      settings: {
        netuid: NETUID,
        schemaVersion: "engram-v2",
        quorumMin: 2,
        deadlineMs: 5_000,
        gateway: { url, hotkey },
      },
      ...{ signer, chain: this.kit.chain, sr25519, log: silent, clock: this.clock },
      http: createHttpClient(this.toValidators),
    });
  }

  /** The network as an author sees it. */
  readonly toValidators = (request: Request): Response | Promise<Response> =>
    this.#validators.get(new URL(request.url).origin)?.(request) ?? fetch(request);

  /** Stores a public memory of `author` at the first miner, and waits until others have copies. */
  async store(text: string, author: PayloadSigner = this.author): Promise<Held> {
    const memory = {
      ...{ id: `m_${"a".repeat(16)}`, namespace: "public", visibility: "public", text, metadata: {} },
      ...{ session: "s", seq: 0, at: this.clock.now(), createdAt: this.clock.now() },
    } as unknown as PublicMemory;
    const [record] = publicRecords(memory, await this.kit.chain.identity(), author);
    const [vector] = await embedder.embed([text]);
    if (!record || !vector) throw new Error("one record");
    const fields = JSON.stringify({ raw_embedding: [...vector], model: embedder.profile.model });
    const bodyText = `${fields.slice(0, -1)},"metadata":${record.metadata}}`;
    for (const url of this.miners) {
      const { hotkey } = author;
      const sign = (message: Uint8Array) => author.sign(message);
      const body = signRequestBody({ bodyText, endpoint: "IngestSynapse", nonce: this.clock.now(), hotkey, sign });
      const headers = { "content-type": "application/json" };
      const reply = await fetch(`${url}/IngestSynapse`, { method: "POST", body, headers });
      if (reply.status !== 200) throw new Error(`a miner refused: ${await reply.text()}`);
    }
    return { memory, cid: publicRecordCid(record, vector) };
  }

  /** An answer of a validator that says what it likes, under its own signature. */
  async answer(index: number, request: Request, body: object): Promise<Response> {
    const gate = new Auth2Gate({ identity: this.kit.validator(index), sr25519, clock: this.clock });
    const session = gate.authenticate(request, new Uint8Array(await request.clone().arrayBuffer()));
    const text = JSON.stringify(body);
    return new Response(text, { headers: session.replyHeaders(200, text) });
  }

  output({ memory, cid }: Held, changes: Partial<MemoryEvidence> = {}): FrozenOutput {
    const evidence = { memory, cid, score: 1, tier: "anonymous", replicas: 3, status: "healthy", ...changes } as const;
    const { hotkey } = this.#miners[0] as RunningMiner;
    return freezeMemory([evidence], { querySha256: null, merkleRoot: null, minerHotkey: hotkey });
  }

  async #miner(name: string): Promise<void> {
    const folder = join(this.kit.folder, `miner-${name}`);
    const config = readMinerConfig(
      { ENGRAM_CHAIN: "local", RATE_LIMIT_MAX_REQUESTS: "1000000" },
      { host: "127.0.0.1", port: 0 },
    );
    const deps = { embedder, chain: this.kit.chain, clock: this.clock, logger: quiet };
    this.#miners.push(this.#stack.use(await startMiner(folder, config, deps)));
  }

  async #validator(index: number, signer: Signer): Promise<void> {
    const outbox = this.#stack.use(openOutbox(join(this.kit.folder, `validator-${index}`)));
    const stopped = new AbortController();
    this.#stack.defer(async () => stopped.abort());
    const context = {
      ...{ netuid: NETUID, signer, sr25519, chain: this.kit.chain, outbox, clock: this.clock },
      ...{ http: createHttpClient((request) => this.#toMiner(request)), signal: stopped.signal },
    };
    const app = new Hono().route("/", proposeRoutes({ context, log: silent }));
    const url = `http://127.0.0.1:${60_001 + index}`;
    const own: Answering = (request) => app.fetch(request);
    this.#validators.set(url, (request) => this.byzantine.get(index)?.(own, request) ?? own(request));
    await this.kit.chain.serveAxon(signer.hotkey, url);
  }

  async #toMiner(request: Request): Promise<Response> {
    const { origin, pathname } = new URL(request.url);
    const fault = pathname === "/RepairSynapse" ? this.faults.get(origin) : undefined;
    if (pathname === "/RepairSynapse") {
      this.fetched += 1;
      const { cid } = (await request.clone().json()) as { readonly cid: string };
      const planted = this.planted.get(cid);
      if (planted) return Response.json(planted);
    }
    if (fault === "hides") return Response.json({ error: "not found" }, { status: 404 });
    const response = await fetch(request);
    if (fault === undefined || response.status !== 200) return response;
    const text = await response.text();
    // One number of the vector is another one.
    return new Response(text.replace(/"embedding":\s*\[[^,\]]+/, '"embedding": [0.123'), { status: 200 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}
