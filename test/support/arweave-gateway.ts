import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Arweave from "arweave";
import { validatePath } from "arweave/node/lib/merkle.js";

/** What the gateway does wrong, until a test changes it. */
export interface GatewayFaults {
  /** Answers nothing useful: 503 to everything. */
  down?: boolean;
  /** Takes so many posts and then drops the connection before it answers. */
  loseAnswers?: number;
  /** Takes posts, and answers them when this resolves. */
  hold?: Promise<void>;
  /** Says that it took a transaction and forgets it. */
  forget?: boolean;
  /** Refuses every transaction for ever, as for a wallet without money. */
  refuse?: boolean;
  /** Serves other bytes than it took. */
  mangle?: boolean;
  /** Serves a header that another key signed, under the wanted id. */
  forgeHeader?: boolean;
  /** Calls what it never saw mined. */
  lieAboutStatus?: boolean;
}

interface Held {
  readonly header: Record<string, unknown> & { readonly data_root: string; readonly data_size: string };
  readonly chunks: Map<number, Buffer>;
  minedAt?: number;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/**
 * An Arweave gateway in memory, as strict as a real one: it recomputes ids, signatures, data roots and chunk proofs,
 * takes no payment below its price, and mines when a test says so.
 */
export class ArweaveGateway implements AsyncDisposable {
  readonly faults: GatewayFaults = {};
  /** Winston for a byte, and for each transaction. */
  rate = 10;
  height = 1_000;
  readonly held = new Map<string, Held>();
  /** Method and path of every request. */
  readonly requests: string[] = [];
  readonly #arweave = Arweave.init({});
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<ArweaveGateway> {
    const gateway = new ArweaveGateway();
    await new Promise<void>((resolve) => gateway.#server.listen(0, "127.0.0.1", resolve));
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Transactions that were mined: what somebody paid for. */
  get paid(): readonly string[] {
    return [...this.held].flatMap(([id, { minedAt }]) => (minedAt === undefined ? [] : [id]));
  }

  /** Resolves when somebody asks for this method and path. */
  async asked(wanted: string): Promise<void> {
    while (!this.requests.includes(wanted)) await once(this.#server, "request");
  }

  /** Adds blocks; the first takes everything whose data is whole. */
  mine(blocks = 1): void {
    for (const held of this.held.values()) if (wholeData(held)) held.minedAt ??= this.height + 1;
    this.height += blocks;
  }

  /** The name and value of every tag that was ever posted. */
  tags(): readonly string[] {
    return [...this.held.values()].flatMap(({ header }) =>
      (header["tags"] as { name: string; value: string }[]).map(
        ({ name, value }) => `${Buffer.from(name, "base64url")}=${Buffer.from(value, "base64url")}`,
      ),
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    this.requests.push(`${request.method} ${path}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [status, body] = this.faults.down ? [503, "down"] : await this.#answer(path, Buffer.concat(chunks));
    if (request.method === "POST") await this.faults.hold;
    if (request.method === "POST" && (this.faults.loseAnswers ?? 0) > 0) {
      this.faults.loseAnswers = (this.faults.loseAnswers ?? 0) - 1;
      response.destroy();
      return;
    }
    response.writeHead(status).end(body);
  }

  async #answer(path: string, body: Buffer): Promise<[number, string | Buffer]> {
    const price = /^\/price\/(\d+)$/.exec(path);
    if (price) return [200, String(this.#priceOf(Number(price[1])))];
    if (path === "/tx_anchor") return [200, createHash("sha384").update(`${this.height}`).digest("base64url")];
    if (path === "/tx") return await this.#takeTransaction(JSON.parse(body.toString()));
    if (path === "/chunk") return await this.#takeChunk(JSON.parse(body.toString()));
    const status = /^\/tx\/([\w-]{43})\/status$/.exec(path);
    if (status?.[1]) return this.#statusOf(status[1]);
    const header = /^\/tx\/([\w-]{43})$/.exec(path);
    if (header?.[1]) return this.#headerOf(header[1]);
    const data = /^\/raw\/([\w-]{43})$/.exec(path);
    if (data?.[1]) return this.#dataOf(data[1]);
    return [404, "not found"];
  }

  #priceOf(bytes: number): number {
    return this.rate * (bytes + 1);
  }

  async #takeTransaction(header: Held["header"]): Promise<[number, string]> {
    if (this.faults.refuse) return [400, "Transaction verification failed."];
    const transaction = this.#arweave.transactions.fromRaw(header);
    const id = sha256(Buffer.from(transaction.signature, "base64url")).toString("base64url");
    if (transaction.id !== id || transaction.data.length > 0) return [400, "wrong id, or data in the header"];
    if (!(await this.#arweave.transactions.verify(transaction))) return [400, "wrong signature"];
    if (Number(transaction.reward) < this.#priceOf(Number(transaction.data_size))) return [400, "too cheap"];
    if (this.faults.forget) return [200, "OK"];
    if (this.held.has(id)) return [208, "Transaction already processed."];
    this.held.set(id, { header, chunks: new Map() });
    return [200, "OK"];
  }

  async #takeChunk(chunk: Record<"data_root" | "data_size" | "data_path" | "offset" | "chunk", string>) {
    const bytes = Buffer.from(chunk.chunk, "base64url");
    const path = Buffer.from(chunk.data_path, "base64url");
    const root = Buffer.from(chunk.data_root, "base64url");
    const size = Number(chunk.data_size);
    const proof = await validatePath(root, Number(chunk.offset), 0, size, path);
    if (proof === false || proof.chunkSize !== bytes.length)
      return [400, '{"error":"invalid_proof"}'] as [number, string];
    // The leaf of the proof ends with the hash of the chunk and its place: 32 bytes each.
    if (!path.subarray(-64, -32).equals(sha256(bytes))) return [400, '{"error":"invalid_proof"}'] as [number, string];
    if (this.faults.forget) return [200, "OK"] as [number, string];
    const owners = [...this.held.values()].filter(({ header }) => header.data_root === chunk.data_root);
    if (owners.length === 0) return [400, '{"error":"data_root_not_found"}'] as [number, string];
    for (const { chunks } of owners) chunks.set(proof.leftBound, bytes);
    return [200, "OK"] as [number, string];
  }

  #statusOf(id: string): [number, string] {
    const minedAt = this.faults.lieAboutStatus ? this.height - 100 : this.held.get(id)?.minedAt;
    if (minedAt !== undefined) {
      return [200, JSON.stringify({ block_height: minedAt, number_of_confirmations: this.height - minedAt + 1 })];
    }
    return this.held.has(id) ? [202, "Pending"] : [404, "Not Found."];
  }

  #headerOf(id: string): [number, string] {
    const held = this.held.get(id);
    if (!held) return [404, "Not Found."];
    const forged = { ...held.header, data_root: sha256(Buffer.from("other")).toString("base64url") };
    return [200, JSON.stringify(this.faults.forgeHeader ? forged : held.header)];
  }

  #dataOf(id: string): [number, string | Buffer] {
    const held = this.held.get(id);
    const data = held && wholeData(held);
    if (!data) return [404, "Not Found."];
    if (this.faults.mangle) data[0] = (data[0] ?? 0) ^ 1;
    return [200, data];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** The data, when every chunk is there. */
function wholeData({ header, chunks }: Held): Buffer | undefined {
  const parts = [...chunks].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
  const data = Buffer.concat(parts);
  return data.length === Number(header.data_size) ? data : undefined;
}
