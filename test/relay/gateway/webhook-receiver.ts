import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { verifyWebhook } from "../../../src/relay/gateway/webhook-signature.ts";

/** A delivery as it arrived. */
export interface Arrived {
  readonly id: string;
  readonly seq: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Payload {
  readonly data: { readonly seq: number };
}

/** A receiver on this machine that answers as it is told and keeps what came, whatever it answered. */
export class WebhookReceiver implements AsyncDisposable {
  readonly arrived: Arrived[] = [];
  /** The status of the next answers; the last one stays. */
  statuses: number[] = [200];
  headers: Readonly<Record<string, string>> = {};
  /** Waited for before each answer. */
  beforeAnswer: () => Promise<void> = async () => undefined;
  readonly #server: Server;
  #heard = Promise.withResolvers<void>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async open(port = 0): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    const { promise, resolve } = Promise.withResolvers<void>();
    receiver.#server.listen(port, "127.0.0.1", resolve);
    await promise;
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  get seqs(): readonly number[] {
    return this.arrived.map(({ seq }) => seq);
  }

  /** Resolves once so many deliveries have come. */
  async heard(count: number): Promise<void> {
    while (this.arrived.length < count) {
      await this.#heard.promise;
    }
  }

  /** What a receiver does: throws unless it is signed with `secret`. */
  verify(secret: string, { headers, body }: Arrived): number {
    return (verifyWebhook({ secret, headers, body }).payload as Payload).data.seq;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const { seq } = (JSON.parse(body) as Payload).data;
    this.arrived.push({ id: headers.get("webhook-id") ?? "", seq, headers, body });
    await this.beforeAnswer();
    const status = this.statuses.length > 1 ? this.statuses.shift() : this.statuses[0];
    response.writeHead(status ?? 200, this.headers).end("{}");
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}
