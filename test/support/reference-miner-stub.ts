import { randomBytes } from "node:crypto";
import { cidOf } from "../../src/crypto/cid.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import { isSubnetArray, isSubnetObject, objectFromPlain, type SubnetObject } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { writeCanonical } from "../../src/crypto/subnet-json-writer.ts";
import { capabilityMessage } from "../../src/node/protocol/capabilities.ts";
import { type HttpServer, startHttpServer } from "../../src/node/runtime/http-server.ts";

const sr25519 = await loadSr25519();

export interface StubOptions {
  /** Signed into `/health`; absent: a miner of the reference, which states nothing. */
  readonly caps?: readonly string[];
  /** Signs with another key than the one it is known by. */
  readonly impostor?: boolean;
  readonly dim?: number;
  readonly model?: string;
  /** Lists every envelope with a few characters changed. */
  readonly tamper?: boolean;
  /** Answers every request but `/health` in its own way; undefined leaves the stub's answer. */
  readonly misbehave?: (path: string, stub: ReferenceMinerStub) => Response | Promise<Response> | undefined;
}

interface Held {
  readonly cid: string;
  readonly namespace: string;
  readonly metadata: SubnetObject;
}

/**
 * A miner that behaves like M-W1: whatever it is given, it lists for everyone, without the namespace. Keeps the text of
 * every request, so that a test can look for what must never have left.
 */
export class ReferenceMinerStub implements AsyncDisposable {
  readonly hotkey: Hotkey;
  readonly requests: { readonly path: string; readonly body: string }[] = [];
  /** How often each CID was ingested. */
  readonly ingested = new Map<string, number>();
  readonly held: Held[] = [];
  caps: readonly string[] | undefined;
  issuedAt: number | undefined;
  readonly #options: StubOptions;
  readonly #pair = sr25519.pairFromSeed(randomBytes(32));
  #server: HttpServer | undefined;

  private constructor(options: StubOptions) {
    this.#options = options;
    this.caps = options.caps;
    this.hotkey = hotkeyOf(options.impostor ? sr25519.pairFromSeed(randomBytes(32)).publicKey : this.#pair.publicKey);
  }

  static async start(options: StubOptions = {}): Promise<ReferenceMinerStub> {
    const stub = new ReferenceMinerStub(options);
    stub.#server = await startHttpServer({
      hostname: "127.0.0.1",
      port: 0,
      graceMs: 50,
      handler: (request) => stub.#handle(request),
    });
    return stub;
  }

  /** As in ENGRAM_MINERS. */
  get entry(): string {
    return `${this.hotkey}@${this.#server?.url}`;
  }

  get ingests(): number {
    return this.requests.filter(({ path }) => path === "/IngestSynapse").length;
  }

  /** Stores what a request holds, as if it had been answered. */
  keep(body: string): void {
    const document = readSubnetJson(body);
    if (isSubnetObject(document)) this.#ingest(document);
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return json({ status: "ok", ...this.#statement() });
    const body = await request.text();
    this.requests.push({ path: pathname, body });
    const misbehaved = await this.#options.misbehave?.(pathname, this);
    if (misbehaved) return misbehaved;
    const document = body === "" ? new Map() : readSubnetJson(body);
    if (!isSubnetObject(document)) return json({ error: "not an object" }, 400);
    if (pathname === "/IngestSynapse") return this.#ingest(document);
    if (pathname === "/list") return this.#list(document);
    if (request.method === "DELETE") return this.#remove(decodeURIComponent(pathname.slice("/retrieve/".length)));
    return json({ error: "not found" }, 404);
  }

  #ingest(body: SubnetObject): Response {
    const [vector, metadata, namespace] = ["raw_embedding", "metadata", "namespace"].map((key) => body.get(key));
    const embedding = isSubnetArray(vector) ? vector.map(Number) : [1];
    const kept = isSubnetObject(metadata) ? metadata : new Map();
    const cid = cidOf({ embedding, metadata: kept });
    this.ingested.set(cid, (this.ingested.get(cid) ?? 0) + 1);
    this.held.push({ cid, namespace: typeof namespace === "string" ? namespace : "", metadata: kept });
    return json({ cid, error: null });
  }

  #list(body: SubnetObject): Response {
    const [namespace, filter, offset] = [
      body.get("namespace") ?? "",
      body.get("filter"),
      Number(body.get("offset") ?? 0),
    ];
    const pairs = isSubnetObject(filter) ? [...filter] : [];
    const found = this.held.filter(
      (held) => held.namespace === namespace && pairs.every(([key, value]) => held.metadata.get(key) === value),
    );
    const records = found.slice(offset, offset + Number(body.get("limit") ?? 50)).map(({ cid, metadata }) => {
      return new Map<string, string | SubnetObject>([
        ["cid", cid],
        ["metadata", this.#options.tamper ? tampered(metadata) : metadata],
      ]);
    });
    return new Response(writeCanonical(objectFromPlain({ records, count: records.length })));
  }

  #remove(cid: string): Response {
    const at = this.held.findIndex((held) => held.cid === cid);
    if (at < 0) return json({ error: "not found" }, 404);
    this.held.splice(at, 1);
    return json({ deleted: true, cid });
  }

  #statement(): object {
    if (!this.caps) return {};
    const statement = {
      chain: "local:stub",
      hotkey: hotkeyOf(this.#pair.publicKey),
      caps: [...this.caps],
      profile: { model: this.#options.model ?? "test-32", dim: this.#options.dim ?? 32, normalized: true },
      endpoint: "http://stub",
      issued_at: this.issuedAt ?? Date.now(),
    };
    const signature = `0x${toHex(sr25519.sign(this.#pair, capabilityMessage(statement)))}`;
    return { caps: { ...statement, signature } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

function json(value: object, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

function tampered(metadata: SubnetObject): SubnetObject {
  return new Map([...metadata].map(([key, value]) => [key, String(value).replace(/^(.{99})..../, "$1ABCD")]));
}
