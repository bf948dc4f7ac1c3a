/** Fixed words, codes and counts alone: no text, key, address, identifier of a memory or anything of a payment. */
type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Where a trace context is read from: HTTP headers, or what stands in for them. Values are not trusted. */
interface TraceCarrier {
  get(name: string): unknown;
}

export interface TraceOrigin {
  readonly carrier: TraceCarrier;
  /** Of this process's own user or store; a stranger's wish to be recorded has a limit. */
  readonly own: boolean;
}

export interface SpanOptions {
  /** One of few: a route or a step, never with a name or number of its own. */
  readonly name: string;
  /** `internal` when absent. */
  readonly kind?: "server" | "client" | "producer" | "internal";
  readonly attributes?: SpanAttributes;
  /** Continues this trace, where it names a valid one; else the span that is open here, else a new trace. */
  readonly origin?: TraceOrigin | undefined;
}

export interface OpenSpan {
  set(attributes: SpanAttributes): void;
  /** It did not do what it was to do; `code` is one of ours. */
  fail(code: string): void;
}

/** What records spans; there is none until an operator configures one. */
export interface Tracer {
  span<T>(options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T>;
  /** `traceparent` of the span that is open here. */
  headers(): Readonly<Record<string, string>>;
}

const NOTHING: Readonly<Record<string, string>> = Object.freeze({});
const SILENT: OpenSpan = { set: () => undefined, fail: () => undefined };

let tracer: Tracer | undefined;

/** One per process, as the collector it sends to. Returns what takes it away again. */
export function useTracer(chosen: Tracer): () => void {
  tracer = chosen;
  return () => {
    if (tracer === chosen) tracer = undefined;
  };
}

export function isTracing(): boolean {
  return tracer !== undefined;
}

/** Runs `work` within a span; without a tracer it is `work` and nothing else. What it throws marks the span. */
export function inSpan<T>(options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  return tracer === undefined ? work(SILENT) : tracer.span(options, work);
}

/** What another service is sent to continue the trace: empty without a tracer, or outside of spans. */
export function traceHeaders(): Readonly<Record<string, string>> {
  return tracer === undefined ? NOTHING : tracer.headers();
}

/** The `traceparent` of the span that is open here, to be kept with work that is done later; null where there is none. */
export function keptTrace(): string | null {
  return traceHeaders()["traceparent"] ?? null;
}

/** The trace that `keptTrace` told. */
export function keptOrigin(traceparent: string | null | undefined): TraceOrigin | undefined {
  if (traceparent === null || traceparent === undefined) return undefined;
  return { carrier: { get: (name) => (name === "traceparent" ? traceparent : null) }, own: true };
}
