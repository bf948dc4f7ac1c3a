import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { QdrantCollections, QdrantFailure } from "./qdrant-collections.ts";
import { BadRequest, type Json, object } from "./qdrant-filter.ts";

/** What is to go wrong with a request; undefined when nothing. */
export type QdrantFault =
  | "error" // answers 500, did nothing
  | "overload" // answers 429
  | "hang" // never answers, did nothing
  | "reset" // the connection breaks before anything is done
  | "reset after" // it is done, and the connection breaks
  | "late"; // it is done, and said to be still waiting

export interface QdrantRequest {
  readonly method: string;
  /** Without the collection: `/points/batch`. */
  readonly path: string;
  readonly body: Json;
}

export interface TestQdrantOptions {
  readonly apiKey?: string;
}

/**
 * The part of Qdrant's REST interface that is used, over TCP, in memory. Like the original it applies what it was given
 * before it is on disk: `flush` is when it gets there, `restart` takes away what did not.
 */
export class TestQdrant implements AsyncDisposable {
  readonly collections = new QdrantCollections();
  /** Asked for every request; tests set it. */
  fault: (request: QdrantRequest) => QdrantFault | undefined = () => undefined;
  readonly requests: QdrantRequest[] = [];
  readonly #apiKey: string | undefined;
  #server: Server | undefined;
  #port = 0;
  #flushed = this.collections.snapshot();

  private constructor(options: TestQdrantOptions) {
    this.#apiKey = options.apiKey;
  }

  static async start(options: TestQdrantOptions = {}): Promise<TestQdrant> {
    const server = new TestQdrant(options);
    await server.#listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What was applied until now is on disk. */
  flush(): void {
    this.#flushed = this.collections.snapshot();
  }

  /** Ends as by a power cut: connections break, nobody answers. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  /** Comes back on the same port with what it had flushed, with all it had, or with nothing. */
  async restart(kept: "flushed" | "all" | "nothing"): Promise<void> {
    await this.stop();
    if (kept === "flushed") this.collections.restore(this.#flushed);
    if (kept === "nothing") this.collections.restore(new Map());
    await this.#listen();
  }

  async #listen(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const url = new URL(request.url ?? "/", "http://qdrant");
    if (this.#apiKey !== undefined && request.headers["api-key"] !== this.#apiKey) {
      response.writeHead(401, { "content-type": "text/plain" }).end("Invalid API key or JWT");
      return;
    }
    const text = Buffer.concat(chunks).toString("utf8");
    const [, name = "", rest = ""] = /^\/collections\/([^/]+)(.*)$/.exec(url.pathname) ?? [];
    const method = request.method ?? "GET";
    const body = text === "" ? {} : (JSON.parse(text) as Json);
    const call: QdrantRequest = { method, path: rest, body };
    this.requests.push(call);
    const fault = this.fault(call);
    if (fault === "hang") return;
    if (fault === "reset") return void request.socket.destroy();
    if (fault === "error") return reply(response, 500, { error: "Service internal error: disk on fire" });
    if (fault === "overload") {
      response.setHeader("retry-after", "1");
      return reply(response, 429, { error: "Rate limiting exceeded: Write rate limit exceeded, retry later" });
    }
    const result = this.#run(decodeURIComponent(name), call, url.searchParams.get("wait") === "true", response, fault);
    if (result === undefined) return;
    if (fault === "reset after") return void request.socket.destroy();
    reply(response, 200, "ok", result.value);
  }

  #run(name: string, call: QdrantRequest, wait: boolean, response: ServerResponse, fault: QdrantFault | undefined) {
    try {
      const status = fault === "late" ? "wait_timeout" : wait ? "completed" : "acknowledged";
      return { value: this.#dispatch(name, call, { operation_id: this.requests.length, status }) };
    } catch (error) {
      if (error instanceof QdrantFailure) reply(response, error.status, { error: error.message });
      else if (error instanceof BadRequest)
        reply(response, 400, { error: `Format error in JSON body: ${error.message}` });
      else throw error;
      return undefined;
    }
  }

  #dispatch(name: string, { method, path, body }: QdrantRequest, updated: Json): unknown {
    const all = this.collections;
    const update = (run: () => void) => {
      run();
      return updated;
    };
    switch (`${method} ${path}`) {
      case "GET ":
        return all.describe(name);
      case "PUT ":
        return all.create(name, body);
      case "DELETE ":
        return all.drop(name);
      case "GET /exists":
        return { exists: all.exists(name) };
      case "PUT /index":
        return update(() => all.index(name, body));
      case "PUT /points":
        return update(() => all.upsert(name, body));
      case "POST /points":
        return all.retrieve(name, body);
      case "POST /points/delete":
        return update(() => all.delete(name, body));
      case "POST /points/payload":
        return update(() => all.setPayload(name, body));
      case "POST /points/batch":
        return Array.from({ length: all.batch(name, body) }, () => updated);
      case "POST /points/scroll":
        return all.scroll(name, body);
      case "POST /points/count":
        return all.count(name, body);
      case "POST /points/query":
        return all.query(name, body);
      case "POST /points/query/batch":
        return (body["searches"] as unknown[]).map((search) => all.query(name, object(search)));
      default:
        throw new QdrantFailure(404, "");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function reply(response: ServerResponse, status: number, state: unknown, result?: unknown): void {
  const text = JSON.stringify({ ...(result === undefined ? {} : { result }), status: state, time: 0.0001 });
  response.writeHead(status, { "content-type": "application/json" }).end(text);
}
