import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { inSpan } from "../../../src/node/runtime/tracing.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { Relay, type RelayOptions } from "../../../src/relay/relay.ts";
import { attributeOf, TraceCollector } from "../../support/trace-collector.ts";
import { FakeGate } from "../gateway/fake-gate.ts";
import { GatewayKit, post } from "../gateway/gateway-kit.ts";
import { anInference, silent, sr25519, tempHome } from "../relay-kit.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const CANARY = "the heron nests behind the mill";
const WAY = ["POST /relay", "POST /relay", "relay.submit", "call"];

let collector: TraceCollector;
let kit: GatewayKit;
beforeAll(async () => {
  kit = await GatewayKit.open();
});
afterAll(() => kit[Symbol.asyncDispose]());
beforeEach(async () => {
  collector = await TraceCollector.start();
});
afterEach(() => collector[Symbol.asyncDispose]());

function open(
  home: string,
  { url, hotkey }: Pick<RunningGateway, "url" | "hotkey">,
  changes: Partial<RelayOptions> = {},
): Relay {
  const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const;
  return new Relay({
    ...{ home, settings: { ...settings, gateway: { url, hotkey } }, signer: kit.stranger, chain: kit.chain },
    ...{ http: createHttpClient(), sr25519, log: silent, clock: systemClock, ...changes },
  });
}

/** Queues an answer within a call of the trace that an agent began. */
async function queue(relay: Relay): Promise<string> {
  const origin = { carrier: new Headers({ traceparent: PARENT }), own: true };
  const { job } = await inSpan({ name: "call", origin }, () => relay.submit(anInference(CANARY)));
  return job ?? "";
}

/** Spans from the innermost that nothing lies within, to the first. */
function wayOf(name: string): readonly string[] {
  const last = collector.spans.find((one) => one.name === name);
  const names: string[] = [];
  for (let span = last; span; span = collector.spans.find(({ spanId }) => spanId === span?.parentSpanId)) {
    names.push(span.name);
  }
  return names;
}

test("a submission is one trace, from the call that queued it to the gateway's store", async () => {
  await using home = await tempHome();
  {
    await using _ = await collector.record();
    await using gateway = await kit.start();
    await using relay = open(home.path, gateway);
    const job = await queue(relay);
    await relay.tick();
    const sent = await relay.find(job);
    expect(sent).toMatchObject({ state: "delivered" });
    // What is signed knows nothing of it.
    expect(sent?.body).not.toContain(TRACE);
  }
  expect(wayOf("gateway.store")).toEqual(["gateway.store", ...WAY]);
  expect(wayOf("gateway.check")).toEqual(["gateway.check", ...WAY]);
  expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  const submit = collector.spans.find(({ name }) => name === "relay.submit");
  expect(["engram.output", "engram.attempt", "engram.outcome"].map((key) => attributeOf(submit, key))).toEqual([
    ...["inference", "1", "delivered"],
  ]);
  for (const word of ["heron", "127.0.0.1", kit.stranger.hotkey]) expect(collector.bodies.join()).not.toContain(word);
});

test("what another process sends later belongs to the same trace, each attempt of it", async () => {
  await using home = await tempHome();
  let gateway: RunningGateway | undefined;
  {
    await using _ = await collector.record();
    gateway = await kit.start();
    const { url, hotkey } = gateway;
    await gateway[Symbol.asyncDispose]();
    await using relay = open(home.path, { url, hotkey });
    const job = await queue(relay);
    await relay.tick();
    expect(await relay.find(job)).toMatchObject({ state: "submitting", attempts: 1 });
    await relay[Symbol.asyncDispose]();
    gateway = await kit.start({ config: { port: Number(new URL(url).port) } });
    // As a process that starts: nothing is left of the call.
    const clock = { ...systemClock, now: () => Date.now() + 3_600_000 };
    await using restarted = open(home.path, { url, hotkey }, { clock });
    await restarted.tick();
    expect(await restarted.find(job)).toMatchObject({ state: "delivered" });
  }
  await gateway[Symbol.asyncDispose]();
  expect(wayOf("gateway.store")).toEqual(["gateway.store", ...WAY]);
  const attempts = collector.spans.filter(({ name }) => name === "relay.submit");
  expect(attempts.map((span) => attributeOf(span, "engram.attempt"))).toEqual(["1", "2"]);
  expect(attempts.map((span) => attributeOf(span, "engram.outcome"))).toEqual(["retry", "delivered"]);
  expect(new Set(attempts.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
});

test("a gateway takes a trace from whoever submits, and ignores one that is none; settling has a span", async () => {
  const gate = new FakeGate();
  {
    await using _ = await collector.record();
    await using gateway = await kit.start({ openGate: async () => gate });
    const paid = await kit.inference({}, CANARY);
    const headers = { "x-paid": "7357", traceparent: PARENT };
    expect((await post(gateway, paid.text, headers)).status).toBe(201);
    expect((await post(gateway, "{}", { traceparent: "00-nonsense" })).status).toBe(400);
  }
  expect(wayOf("gateway.settle")).toEqual(["gateway.settle", "POST /relay"]);
  const [taken, refused] = collector.spans.filter(({ name }) => name === "POST /relay");
  expect(taken).toMatchObject({ traceId: TRACE, parentSpanId: "b7ad6b7169203331" });
  expect(refused?.traceId).not.toBe(TRACE);
  expect(attributeOf(refused, "http.response.status_code")).toBe("400");
  expect(collector.bodies.join()).not.toContain("7357");
});

test("without a collector a submission carries no trace and keeps none", async () => {
  await using home = await tempHome();
  const carried: (string | null)[] = [];
  await using gateway = await kit.start();
  const http = createHttpClient((request) => {
    carried.push(request.headers.get("traceparent"));
    return fetch(request);
  });
  await using relay = open(home.path, gateway, { http });
  const job = await queue(relay);
  await relay.tick();
  expect(await relay.find(job)).toMatchObject({ state: "delivered", traceparent: null });
  expect(carried).toEqual([null]);
  expect(collector.bodies).toEqual([]);
});
