import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What becomes of an answer: `hold` keeps the asker waiting, `drop` cuts the connection. */
export type Fate = "pass" | "hold" | "drop";

interface Seen {
  readonly request: { readonly body: string; readonly headers: IncomingMessage["headers"] };
  readonly status: number;
}

/** Stands between relay and gateway; requests always arrive, answers may not. */
export class AnswerProxy implements AsyncDisposable {
  /** What came of every POST, in order. */
  readonly seen: Seen[] = [];
  /** Decides by the gateway's status. */
  fate: (status: number) => Fate = () => "pass";
  /** Where requests go; may be set after the start. */
  target = "";
  readonly #server: Server;
  #held = Promise.withResolvers<void>();

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      void this.#forward(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async open(): Promise<AnswerProxy> {
    const proxy = new AnswerProxy();
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when an answer is held back. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
    const { method = "GET", url = "/" } = incoming;
    const body = Buffer.concat(chunks).toString("utf8");
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (typeof value === "string" && !["host", "connection", "content-length"].includes(name))
        headers.set(name, value);
    }
    const reply = await fetch(this.target + url, { method, headers, ...(method === "POST" ? { body } : {}) });
    const text = await reply.text();
    if (method === "POST") this.seen.push({ request: { body, headers: incoming.headers }, status: reply.status });
    const fate = this.fate(reply.status);
    if (fate === "hold") return this.#held.resolve();
    if (fate === "drop") return void outgoing.destroy();
    const kept = [...reply.headers].filter(
      ([name]) => !["connection", "content-length", "transfer-encoding"].includes(name),
    );
    outgoing.writeHead(reply.status, Object.fromEntries(kept));
    outgoing.end(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
