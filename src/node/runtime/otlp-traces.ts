import { randomUUID } from "node:crypto";
import { type Context, createContextKey, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { isEngramError } from "../../crypto/errors.ts";
import type { TraceConfig } from "./config-traces.ts";
import type { OpenSpan, SpanOptions, TraceOrigin, Tracer } from "./tracing.ts";

export interface OtlpTracesOptions extends TraceConfig {
  readonly serviceName: string;
}

export interface OtlpTracesDeps {
  readonly warn: (fields: object, sentence: string) => void;
  /** In ms, for the limit of strangers. */
  readonly now?: () => number;
}

/** So many finished spans wait; what comes beyond is dropped. */
const MAX_QUEUE = 2_048;
const BATCH = 512;
const EVERY_MS = 2_000;
/** One export, repeats included: it also keeps the process alive, so that a stop takes no longer. */
const EXPORT_MS = 2_000;
/** How long a stop waits for the last spans. */
const STOP_MS = 1_500;
const MAX_TRACEPARENT = 128;
/** As the W3C has it. */
const MAX_TRACESTATE = 512;
const BURST_SECONDS = 10;
const LIMITS = { attributeCountLimit: 16, attributeValueLengthLimit: 200, eventCountLimit: 1, linkCountLimit: 1 };

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  internal: SpanKind.INTERNAL,
} as const;

/** Says of a context whether its span has ended: loops that a call started go on in its context for ever. */
const LIFE = createContextKey("engram.life");

/**
 * Records spans and sends them by OTLP over HTTP. Nothing of OpenTelemetry's own is made global: a program that has
 * Engram in it keeps its own tracing.
 */
export class OtlpTraces implements Tracer, AsyncDisposable {
  readonly #provider: TracerProvider;
  readonly #contexts = new AsyncLocalStorageContextManager().enable();
  readonly #propagator = new W3CTraceContextPropagator();
  readonly #ratio: TraceIdRatioBasedSampler;
  readonly #strangers: Bucket;

  constructor(options: OtlpTracesOptions, { warn, now = Date.now }: OtlpTracesDeps) {
    const { url, ratio, strangersPerSecond, serviceName } = options;
    this.#ratio = new TraceIdRatioBasedSampler(ratio);
    this.#strangers = new Bucket(strangersPerSecond, now);
    const exporter = new OTLPTraceExporter({ url, headers: options.headers.reveal(), timeoutMillis: EXPORT_MS });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ "service.name": serviceName, "service.instance.id": randomUUID() }),
      sampler: new ParentBasedSampler({ root: this.#ratio }),
      spanLimits: LIMITS,
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new ToldExporter(exporter, warn),
          maxQueueSize: MAX_QUEUE,
          maxExportBatchSize: BATCH,
          scheduledDelayMillis: EVERY_MS,
          // The exporter has its own, and tells of it.
          exportTimeoutMillis: 2 * EXPORT_MS,
        }),
      ],
    });
  }

  async span<T>(options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T> {
    const { name, kind = "internal", attributes = {}, origin } = options;
    const parent = (origin && this.#continued(origin)) ?? this.#here();
    const span = this.#provider.getTracer("engram").startSpan(name, { kind: KINDS[kind], attributes }, parent);
    const life = { ended: false };
    const fail = (code: string) => {
      span.setAttribute("error.type", code);
      span.setStatus({ code: SpanStatusCode.ERROR });
    };
    const open: OpenSpan = { set: (more) => void span.setAttributes(more), fail };
    try {
      return await this.#contexts.with(trace.setSpan(parent, span).setValue(LIFE, life), () => work(open));
    } catch (error) {
      // A message could quote what somebody said; a code is ours.
      fail(isEngramError(error) ? error.code : error instanceof Error ? error.name : "UNKNOWN");
      throw error;
    } finally {
      life.ended = true;
      span.end();
    }
  }

  headers(): Readonly<Record<string, string>> {
    const found: Record<string, string> = {};
    const set = (_: unknown, name: string, value: string) => {
      // `tracestate` holds what the caller's own tools wrote there: it is nothing for other people's nodes.
      if (name === "traceparent") found[name] = value;
    };
    this.#propagator.inject(this.#here(), found, { set });
    return found;
  }

  /** The context of the span that is open here. */
  #here(): Context {
    const context = this.#contexts.active();
    const life = context.getValue(LIFE) as { readonly ended: boolean } | undefined;
    return life?.ended === true ? ROOT_CONTEXT : context;
  }

  /** The context that a caller named; undefined where it named none, or none that is valid. */
  #continued({ carrier, own }: TraceOrigin): Context | undefined {
    const get = (_: unknown, name: string) => {
      const value = carrier.get(name);
      if (typeof value !== "string") return undefined;
      if (name === "tracestate") return own && value.length <= MAX_TRACESTATE ? value : undefined;
      return value.length <= MAX_TRACEPARENT ? value : undefined;
    };
    const context = this.#propagator.extract(ROOT_CONTEXT, carrier, { get, keys: () => [] });
    const named = trace.getSpanContext(context);
    if (named === undefined) return undefined;
    const asked = (named.traceFlags & 1) === 1;
    const traceFlags = asked && (own || this.#mayForce(named.traceId)) ? 1 : 0;
    return trace.setSpanContext(ROOT_CONTEXT, { ...named, traceFlags });
  }

  /** Strangers choose their trace ids, so that the share alone is no limit. */
  #mayForce(traceId: string): boolean {
    const { decision } = this.#ratio.shouldSample(ROOT_CONTEXT, traceId);
    return decision === SamplingDecision.RECORD_AND_SAMPLED && this.#strangers.take();
  }

  /** Sends what waits, for as long as a stop may take. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_MS);
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
    this.#contexts.disable();
  }
}

class Bucket {
  readonly #perSecond: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#tokens = perSecond * BURST_SECONDS;
    this.#at = now();
  }

  take(): boolean {
    const now = this.#now();
    const more = (Math.max(0, now - this.#at) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond * BURST_SECONDS, this.#tokens + more);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** Tells once that spans do not arrive, and once that they do again. */
class ToldExporter implements SpanExporter {
  readonly #exporter: OTLPTraceExporter;
  readonly #warn: OtlpTracesDeps["warn"];
  #failing = false;

  constructor(exporter: OTLPTraceExporter, warn: OtlpTracesDeps["warn"]) {
    this.#exporter = exporter;
    this.#warn = warn;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      const failed = result.code === ExportResultCode.FAILED;
      if (failed !== this.#failing) {
        this.#warn({ spans: spans.length }, failed ? "traces do not reach the collector" : "traces arrive again");
      }
      this.#failing = failed;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }
}
