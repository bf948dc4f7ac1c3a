import { type HttpServer, startHttpServer } from "../../src/node/runtime/http-server.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { startTraces } from "../../src/node/runtime/start-traces.ts";

type Value = { readonly stringValue?: string; readonly intValue?: number | string; readonly boolValue?: boolean };

/** As OTLP's JSON has it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly traceState?: string;
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly events?: readonly unknown[];
}

interface Batch {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly CollectedSpan[] }[];
  }[];
}

/** A collector on loopback: takes OTLP over HTTP and keeps it, or answers what a test says. */
export class TraceCollector implements AsyncDisposable {
  readonly bodies: string[] = [];
  readonly headers: Headers[] = [];
  /** In place of taking it. */
  answer: ((request: Request) => Response | Promise<Response>) | undefined;
  readonly #server: HttpServer;

  private constructor(server: HttpServer) {
    this.#server = server;
  }

  static async start(): Promise<TraceCollector> {
    const ready = Promise.withResolvers<TraceCollector>();
    const handler = async (request: Request) => await (await ready.promise).#take(request);
    const server = await startHttpServer({ hostname: "127.0.0.1", port: 0, handler, graceMs: 0 });
    const collector = new TraceCollector(server);
    ready.resolve(collector);
    return collector;
  }

  get url(): string {
    return `${this.#server.url}/v1/traces`;
  }

  get spans(): readonly CollectedSpan[] {
    const batches = this.bodies.map((body) => JSON.parse(body) as Batch);
    return batches.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    );
  }

  /** Names of one trace's spans from `name` up to its first. */
  wayUp(name: string): readonly string[] {
    const way: string[] = [];
    for (let span = this.spans.find((one) => one.name === name); span; ) {
      way.push(span.name);
      const { traceId, parentSpanId } = span;
      span = this.spans.find((one) => one.traceId === traceId && one.spanId === parentSpanId);
    }
    return way;
  }

  /** Traces of this process go here until it is disposed, which sends what waits. */
  async record(changes: { readonly ratio?: number; readonly strangersPerSecond?: number } = {}) {
    const headers = new Secret({ "x-test": "1" });
    const config = { url: this.url, headers, serviceName: undefined, ratio: 1, strangersPerSecond: 1_000, ...changes };
    return await startTraces(config, { part: "engram-test", warn: () => undefined });
  }

  async #take(request: Request): Promise<Response> {
    if (this.answer) return await this.answer(request);
    this.headers.push(request.headers);
    this.bodies.push(await request.text());
    return Response.json({});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

export function attributeOf(span: CollectedSpan | undefined, key: string): string | undefined {
  const value = span?.attributes.find((one) => one.key === key)?.value;
  return value && `${value.stringValue ?? value.intValue ?? value.boolValue}`;
}
