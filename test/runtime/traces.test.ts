import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EngramError } from "../../src/crypto/errors.ts";
import { traceConfigOf } from "../../src/node/runtime/config-traces.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { OtlpTraces } from "../../src/node/runtime/otlp-traces.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { startTraces } from "../../src/node/runtime/start-traces.ts";
import { traceCalls } from "../../src/node/runtime/traced-http.ts";
import { inSpan, isTracing, keptOrigin, keptTrace, traceHeaders } from "../../src/node/runtime/tracing.ts";
import { attributeOf, TraceCollector } from "../support/trace-collector.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

let collector: TraceCollector;
beforeEach(async () => {
  collector = await TraceCollector.start();
});
afterEach(() => collector[Symbol.asyncDispose]());

const from = (headers: Record<string, string>, own = true) => ({ carrier: new Headers(headers), own });
const idOf = (traceparent: string | null) => traceparent?.split("-")[1];

describe("the configuration", () => {
  test("names the collector as OpenTelemetry does, and nothing is sent without it", () => {
    expect(traceConfigOf({})).toBeUndefined();
    expect(traceConfigOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318/" })).toMatchObject({
      url: "http://127.0.0.1:4318/v1/traces",
      ratio: 1,
      strangersPerSecond: 10,
      serviceName: undefined,
    });
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector.example.org/in" };
    expect(traceConfigOf({ ...own, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" })?.url).toBe(
      "https://collector.example.org/in",
    );
    expect(traceConfigOf({ ...own, OTEL_SDK_DISABLED: "true" })).toBeUndefined();
  });

  test("keeps the collector's token from being printed, and refuses what it cannot read without showing it", () => {
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20t0ken, x-tenant=1" };
    const config = traceConfigOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318", ...headers });
    expect(config?.headers.reveal()).toEqual({ authorization: "Bearer t0ken", "x-tenant": "1" });
    expect(inspect(config) + JSON.stringify(config)).not.toContain("t0ken");
    for (const [name, value] of [
      ["OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"],
      ["OTEL_EXPORTER_OTLP_HEADERS", "no pairs at all"],
      ["OTEL_TRACES_SAMPLER_ARG", "2"],
    ] as const) {
      const read = () => traceConfigOf({ [name]: value });
      expect(read).toThrow(name);
      expect(read).not.toThrow(value);
    }
  });
});

describe("without a collector", () => {
  test("work is run as it is, and nothing is passed on", async () => {
    expect(isTracing()).toBe(false);
    const seen = await inSpan({ name: "a", origin: from({ traceparent: PARENT }) }, async (span) => {
      span.set({ a: 1 });
      span.fail("A");
      return { headers: traceHeaders(), kept: keptTrace() };
    });
    expect(seen).toEqual({ headers: {}, kept: null });
  });
});

describe("spans", () => {
  test("lie within each other in the caller's trace, and arrive when the process stops", async () => {
    {
      await using _ = await collector.record();
      await inSpan({ name: "outer", kind: "server", origin: from({ traceparent: PARENT, tracestate: "a=b" }) }, () =>
        inSpan({ name: "inner", attributes: { "engram.outcome": "ok" } }, async () => {
          expect(idOf(keptTrace())).toBe(TRACE);
          // What another's tools wrote is not passed on.
          expect(Object.keys(traceHeaders())).toEqual(["traceparent"]);
        }),
      );
    }
    expect(isTracing()).toBe(false);
    const [outer, inner] = ["outer", "inner"].map((name) => collector.spans.find((span) => span.name === name));
    expect(outer).toMatchObject({ traceId: TRACE, parentSpanId: "b7ad6b7169203331", traceState: "a=b" });
    expect(inner).toMatchObject({ traceId: TRACE, parentSpanId: outer?.spanId });
    expect(attributeOf(inner, "engram.outcome")).toBe("ok");
    expect(collector.headers[0]?.get("x-test")).toBe("1");
  });

  test("say by a code what failed, never by a message", async () => {
    const canary = "the cat is called Mim";
    {
      await using _ = await collector.record();
      await expect(inSpan({ name: "ours" }, () => Promise.reject(new EngramError("OURS", canary)))).rejects.toThrow();
      await expect(inSpan({ name: "other" }, () => Promise.reject(new RangeError(canary)))).rejects.toThrow();
    }
    const codes = collector.spans.map((span) => attributeOf(span, "error.type"));
    expect(codes).toEqual(["OURS", "RangeError"]);
    expect(collector.spans.map(({ status }) => status?.code)).toEqual([2, 2]);
    expect(collector.bodies.join()).not.toContain("Mim");
  });

  test("of a loop that a call started do not belong to the call once it ended", async () => {
    let loop: Promise<string | null> | undefined;
    {
      await using _ = await collector.record();
      const ended = Promise.withResolvers<void>();
      const first = await inSpan({ name: "call" }, async () => {
        loop = ended.promise.then(() => inSpan({ name: "later" }, async () => keptTrace()));
        return keptTrace();
      });
      ended.resolve();
      expect(idOf((await loop) ?? null)).not.toBe(idOf(first));
    }
    expect(collector.spans.find(({ name }) => name === "later")?.parentSpanId ?? "").toBe("");
  });

  test("of work that is done later continue the trace it was kept with", async () => {
    {
      await using _ = await collector.record();
      const kept = await inSpan({ name: "queued" }, async () => keptTrace());
      await inSpan({ name: "sent", origin: keptOrigin(kept) }, async () => undefined);
    }
    expect(collector.wayUp("sent")).toEqual(["sent", "queued"]);
    expect(keptOrigin(null)).toBeUndefined();
  });
});

test.each([
  ["none", ""],
  ["words", "hello"],
  ["zeros", `00-${"0".repeat(32)}-b7ad6b7169203331-01`],
  ["no parent", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["version ff", `ff-${TRACE}-b7ad6b7169203331-01`],
  ["capitals", PARENT.toUpperCase()],
  ["two at once", `${PARENT}, ${PARENT}`],
  ["more than this version has", `${PARENT}-more`],
  ["endless", `01-${TRACE}-b7ad6b7169203331-01-${"a".repeat(100_000)}`],
])("a traceparent that is %s is ignored: a trace of our own begins", async (_, traceparent) => {
  {
    await using _recording = await collector.record();
    await inSpan({ name: "a", origin: { carrier: { get: () => traceparent }, own: false } }, async () => {
      expect(keptTrace()).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    });
  }
  expect(collector.spans).toHaveLength(1);
  expect(collector.spans[0]?.traceId).not.toBe(TRACE);
  expect(collector.spans[0]?.parentSpanId ?? "").toBe("");
});

test("a value that is no text is none", async () => {
  {
    await using _ = await collector.record();
    await inSpan({ name: "a", origin: { carrier: { get: () => ({ a: PARENT }) }, own: true } }, async () => undefined);
  }
  expect(collector.spans[0]?.traceId).not.toBe(TRACE);
});

describe("what is recorded is decided here", () => {
  const options = () => ({
    ...{ url: collector.url, headers: new Secret({}), serviceName: "test", ratio: 1, strangersPerSecond: 1 },
  });
  const flagOf = (traces: OtlpTraces, traceparent: string, own: boolean) =>
    traces.span({ name: "a", origin: from({ traceparent }, own) }, async () =>
      traces.headers()["traceparent"]?.slice(-2),
    );

  test("strangers have so many traces a second recorded and no more; the own user has all", async () => {
    let time = 0;
    await using traces = new OtlpTraces(options(), { warn: () => undefined, now: () => time });
    const flags = async (count: number, own = false) =>
      (await Promise.all(Array.from({ length: count }, () => flagOf(traces, PARENT, own)))).filter(
        (one) => one === "01",
      );
    expect(await flags(15)).toHaveLength(10);
    time += 3_000;
    expect(await flags(15)).toHaveLength(3);
    expect(await flags(15, true)).toHaveLength(15);
  });

  test("a stranger gets no more than the share either; who asks for no recording gets none", async () => {
    await using traces = new OtlpTraces({ ...options(), ratio: 0 }, { warn: () => undefined });
    expect(await flagOf(traces, PARENT, false)).toBe("00");
    expect(await flagOf(traces, PARENT, true)).toBe("01");
    expect(await flagOf(traces, PARENT.replace(/01$/, "00"), true)).toBe("00");
    // A flag of a version to come asks for nothing.
    expect(await flagOf(traces, PARENT.replace(/01$/, "fe"), true)).toBe("00");
    expect(await traces.span({ name: "a" }, async () => traces.headers()["traceparent"]?.slice(-2))).toBe("00");
  });
});

test("without its packages a process runs without traces, and says which is missing", async () => {
  const told: object[] = [];
  const config = { url: collector.url, headers: new Secret({}), serviceName: "test", ratio: 1, strangersPerSecond: 1 };
  const missing = Object.assign(new Error("Cannot find package '@opentelemetry/sdk-trace' imported from a file"), {
    code: "ERR_MODULE_NOT_FOUND",
  });
  const start = (error: Error) =>
    startTraces(config, {
      ...{ part: "engram-test", warn: (fields: object) => told.push(fields) },
      load: () => Promise.reject(error),
    });
  await using _ = await start(missing);
  expect(isTracing()).toBe(false);
  expect(told).toMatchObject([{ code: "PACKAGE_MISSING", fix: expect.stringContaining("@opentelemetry/sdk-trace") }]);
  await expect(start(new TypeError("another"))).rejects.toThrow("another");
});

describe("calls to other nodes", () => {
  const heard: (string | null)[] = [];
  const http = traceCalls(
    createHttpClient((request) => {
      heard.push(request.headers.get("traceparent"));
      return new Response("{}", { status: request.url.endsWith("/list") ? 404 : 200 });
    }),
  );
  const limits = { deadlineMs: 1_000, maxBytes: 100 };

  test("name their trace only where they may, and are named by their route alone", async () => {
    {
      await using _ = await collector.record();
      await inSpan({ name: "outer" }, async () => {
        await http.postJson("http://node/IngestSynapse", "{}", { ...limits, carriesTrace: true });
        await http.postJson("http://node/list", "{}", limits);
        await http.get("http://node/retrieve/v1%3A%3Asecret", limits);
        await http.delete("http://node/secret/path", null, { ...limits, carriesTrace: false });
      });
    }
    const calls = collector.spans.filter(({ name }) => name !== "outer");
    expect(calls.map(({ name }) => name)).toEqual([
      ...["POST /IngestSynapse", "POST /list", "GET /retrieve/:cid", "DELETE other"],
    ]);
    expect(heard.splice(0)).toEqual([`00-${calls[0]?.traceId}-${calls[0]?.spanId}-01`, null, null, null]);
    expect(calls.map(({ status }) => status?.code ?? 0)).toEqual([0, 2, 0, 0]);
    expect(collector.bodies.join()).not.toMatch(/secret|node/);
  });

  test("are as without it where no traces are made", async () => {
    await http.postJson("http://node/IngestSynapse", "{}", { ...limits, carriesTrace: true });
    expect(heard.splice(0)).toEqual([null]);
  });
});

describe("a collector that does not take what is sent", () => {
  test("costs the work nothing, and is told once", async () => {
    const told: string[] = [];
    collector.answer = () => new Response("no", { status: 400 });
    const config = {
      url: collector.url,
      headers: new Secret({}),
      serviceName: "test",
      ratio: 1,
      strangersPerSecond: 1,
    };
    const traces = new OtlpTraces(config, { warn: (_, sentence) => told.push(sentence) });
    // More than two batches, and more than the queue holds.
    const work = Array.from({ length: 5_000 }, (_, index) => traces.span({ name: "a" }, async () => index));
    expect((await Promise.all(work)).at(-1)).toBe(4_999);
    await traces[Symbol.asyncDispose]();
    expect(told).toEqual(["traces do not reach the collector"]);
    expect(collector.spans).toEqual([]);
  });

  test("delays a stop by its deadline at most", async () => {
    const held = Promise.withResolvers<Response>();
    collector.answer = () => held.promise;
    const told: string[] = [];
    const config = {
      url: collector.url,
      headers: new Secret({}),
      serviceName: "test",
      ratio: 1,
      strangersPerSecond: 1,
    };
    const traces = new OtlpTraces(config, { warn: (_, sentence) => told.push(sentence) });
    await traces.span({ name: "a" }, async () => undefined);
    await traces[Symbol.asyncDispose]();
    // The export itself has not given up yet.
    expect(told).toEqual([]);
    held.resolve(new Response());
  });
});
