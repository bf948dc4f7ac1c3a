import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

export interface EmbeddingCall {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: { readonly model: string; readonly input: readonly string[]; readonly encoding_format?: string };
}

type Answer = (call: EmbeddingCall, response: ServerResponse) => void;

/** The vector the server has for a text: of any length, not of unit length. */
function vectorOf(text: string, dim: number): readonly number[] {
  const values = Array.from({ length: dim }, () => 0.25);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    let at = 7;
    for (const letter of word) at = (at * 31 + letter.charCodeAt(0)) % dim;
    values[at] = (values[at] ?? 0) + 3;
  }
  return values;
}

/** An OpenAI-compatible embeddings endpoint on this machine; `next` replaces its next answers, one each. */
export class EmbeddingServer implements AsyncDisposable {
  readonly calls: EmbeddingCall[] = [];
  readonly next: Answer[] = [];
  /** Answers every call that `next` does not. */
  otherwise: Answer;
  readonly #server;

  static async start(dim = 8): Promise<EmbeddingServer> {
    const server = new EmbeddingServer(dim);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  private constructor(dim: number) {
    this.otherwise = ({ body }, response) => {
      // Last first: their order is told by `index` alone.
      const data = body.input.map((text, index) => ({ object: "embedding", index, embedding: vectorOf(text, dim) }));
      const tokens = body.input.join(" ").split(" ").length;
      send(response, 200, {
        object: "list",
        data: data.reverse(),
        model: body.model,
        usage: { prompt_tokens: tokens },
      });
    };
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await json(request)) as EmbeddingCall["body"];
    const call = { path: request.url ?? "", headers: request.headers, body };
    this.calls.push(call);
    (this.next.shift() ?? this.otherwise)(call, response);
  }
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}
