import { readFileSync } from "node:fs";
import { status } from "@grpc/grpc-js";
import { fromJSON, loadSync } from "@grpc/proto-loader";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inSpan } from "../../../src/node/runtime/tracing.ts";
import { freezeRanking, roundScores } from "../../../src/relay/payload/freeze-output.ts";
import { payloadBody, signPayload } from "../../../src/relay/payload/sign-payload.ts";
import type { SubmissionPayer } from "../../../src/relay/payment/buyer-types.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { submit } from "../../../src/relay/submit.ts";
import { GrpcTransport } from "../../../src/relay/transport/grpc-transport.ts";
import { READING, RELAY_PROTOCOL, RELAY_SERVICE } from "../../../src/relay/transport/relay-protocol.ts";
import { TraceCollector } from "../../support/trace-collector.ts";
import {
  newSigner,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  scoresOf,
  silent,
  sr25519,
  submitterTo,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";
import { GrpcEndpoint, PROTO_FILE, type Turn } from "./grpc-endpoint.ts";

const KEYS = vi.hoisted(() => {
  const folder = "test/runtime/tls-test-keys";
  // The one that this process trusts; read when the library is loaded.
  process.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = `${folder}/first-test-cert.pem`;
  return folder;
});

const body = payloadBody({
  schemaVersion: "engram-v2",
  netuid: 450,
  block: 100,
  blockHash: `0x${"ab".repeat(32)}`,
  roundTs: 1_790_000_000.5,
  nonce: "100:1:1790000000500",
  output: freezeRanking(roundScores(scoresOf(1, 0.5))),
});
const { signedHash, text } = signPayload(body, newSigner());
const none = new ScriptedGateway().http;

let endpoint: GrpcEndpoint;
beforeEach(async () => {
  endpoint = await new GrpcEndpoint().start();
});
afterEach(() => endpoint[Symbol.asyncDispose]());

async function submitting(payer?: SubmissionPayer, signal = new AbortController().signal, to = endpoint) {
  const submitter = { ...submitterTo(to.address, none), ...(payer ? { payer } : {}) };
  await using _ = submitter.transport;
  return await submit(submitter, { signedHash, text, acceptNewTerms: false, anchorBlock: 117, signal });
}

test("what is loaded is what the .proto file says", () => {
  const told = loadSync(PROTO_FILE, READING)[RELAY_SERVICE] as unknown as Record<string, object>;
  const own = fromJSON(RELAY_PROTOCOL as unknown as Parameters<typeof fromJSON>[0], READING)[RELAY_SERVICE];
  type Plain = { path: string; requestType: { type: object }; responseType: { type: object } };
  const plain = (service: unknown) =>
    Object.values(service as Record<string, Plain>).map(({ path, requestType, responseType }) => [
      path,
      requestType.type,
      responseType.type,
    ]);
  expect(plain(told)).toEqual(plain(own));
  expect(JSON.stringify(plain(own))).toContain("retry_after_seconds");
});

describe("a submission over gRPC", () => {
  test("names its trace in the call's metadata, where traces are made", async () => {
    await using collector = await TraceCollector.start();
    await submitting();
    {
      await using _ = await collector.record();
      await inSpan({ name: "call" }, () => submitting());
    }
    const call = collector.spans.find(({ name }) => name === "grpc Submit");
    expect(endpoint.traces).toEqual([undefined, `00-${call?.traceId}-${call?.spanId}-01`]);
    expect(collector.wayUp("grpc Submit")).toEqual(["grpc Submit", "call"]);
  });

  test("is delivered by its receipt, sent byte for byte with its key and the anchor's block", async () => {
    expect(await submitting()).toMatchObject({ kind: "delivered", http: 201, receipt: { signed_hash: signedHash } });
    expect(await submitting()).toMatchObject({ kind: "delivered", http: 200 });
    expect(endpoint.calls).toHaveLength(2);
    expect(endpoint.calls[0]).toEqual({ payload: Buffer.from(text), signed_hash: signedHash, anchor_block: 117 });
    expect(endpoint.accepted.size).toBe(1);
  });

  const refuses =
    (code: status, word?: string, retryAfter?: string): Turn =>
    () => ({ code, ...(word === undefined ? {} : { word }), ...(retryAfter === undefined ? {} : { retryAfter }) });

  test.each<readonly [string, Turn, object]>([
    ["INVALID_ARGUMENT", refuses(status.INVALID_ARGUMENT), { kind: "rejected", code: "grpc_invalid_argument" }],
    ["the same with its word", refuses(status.INVALID_ARGUMENT, "malformed"), { kind: "rejected", code: "malformed" }],
    ["UNAUTHENTICATED", refuses(status.UNAUTHENTICATED, "bad_signature"), { kind: "rejected", code: "bad_signature" }],
    ["PERMISSION_DENIED", refuses(status.PERMISSION_DENIED), { kind: "rejected", http: 403 }],
    ["UNIMPLEMENTED", refuses(status.UNIMPLEMENTED), { kind: "rejected", code: "grpc_unimplemented" }],
    ["a conflict", refuses(status.ALREADY_EXISTS, "round_conflict"), { kind: "rejected", code: "round_conflict" }],
    ["ALREADY_EXISTS alone", refuses(status.ALREADY_EXISTS), { kind: "retry", code: "receipt_invalid" }],
    ["not final", refuses(status.FAILED_PRECONDITION, "not_final"), { kind: "retry", code: "not_final", http: 425 }],
    ["another output", refuses(status.FAILED_PRECONDITION, "chain_mismatch"), { kind: "rejected", http: 422 }],
    [
      "RESOURCE_EXHAUSTED",
      refuses(status.RESOURCE_EXHAUSTED, undefined, "9999"),
      { kind: "retry", http: 429, retryAfterMs: 300_000 },
    ],
    ["too large", refuses(status.RESOURCE_EXHAUSTED, "too_large"), { kind: "rejected", code: "too_large" }],
    [
      "UNAVAILABLE",
      refuses(status.UNAVAILABLE, undefined, "30"),
      { kind: "retry", code: "GRPC_UNREACHABLE", retryAfterMs: 30_000 },
    ],
    ["DEADLINE_EXCEEDED", refuses(status.DEADLINE_EXCEEDED), { kind: "retry", code: "GRPC_TIMEOUT", http: null }],
    ["INTERNAL", refuses(status.INTERNAL, "Ignore previous"), { kind: "retry", code: "grpc_internal", http: 500 }],
    ["ABORTED", refuses(status.ABORTED), { kind: "retry", code: "grpc_aborted" }],
    [
      "pending",
      () => ({ status: "PENDING_QUORUM", receipt: "", retry_after_seconds: 30 }),
      { kind: "pending", code: "pending_quorum", http: 202, retryAfterMs: 30_000 },
    ],
    ["no receipt", () => ({ status: "ACCEPTED", receipt: "" }), { kind: "retry", code: "receipt_invalid" }],
    ["a status nobody knows", () => ({ status: "SUBMIT_STATUS_UNSPECIFIED", receipt: "{}" }), { kind: "retry" }],
    ["a large receipt", () => ({ status: "ACCEPTED", receipt: "x".repeat(65_537) }), { code: "GRPC_TOO_LARGE" }],
    [
      "an oversized reply",
      () => ({ status: "ACCEPTED", receipt: "x".repeat(2_000_000) }),
      { kind: "retry", code: "grpc_resource_exhausted" },
    ],
  ])("answered %s", async (_, turn, expected) => {
    endpoint.turns = [turn];
    expect(await submitting()).toMatchObject(expected);
    expect(endpoint.calls).toHaveLength(1);
  });

  test("counts as delivered where ALREADY_EXISTS brings the receipt, and no receipt of another key or text does", async () => {
    const receipt = endpoint.receipt(text);
    endpoint.turns = [() => ({ code: status.ALREADY_EXISTS, receipt })];
    expect(await submitting()).toMatchObject({ kind: "delivered", http: 200, receipt });
    const stranger = new GrpcEndpoint().receipt(text);
    const another = new Map([...body, ["nonce", "100:1:1790000000501"] as const]);
    const other = endpoint.receipt(signPayload(another, newSigner()).text);
    for (const lie of [stranger, other, { ...receipt, gateway_seq: 7 }]) {
      endpoint.turns = [() => ({ status: "ACCEPTED", receipt: JSON.stringify(lie) })];
      expect(await submitting()).toMatchObject({ kind: "retry", code: "receipt_invalid" });
    }
  });

  test("is never paid for", async () => {
    const touched: string[] = [];
    const payer = new Proxy({}, { get: (_, name) => () => void touched.push(String(name)) }) as SubmissionPayer;
    endpoint.turns = [() => ({ code: status.FAILED_PRECONDITION, word: "payment_required" })];
    expect(await submitting(payer)).toEqual({ kind: "rejected", code: "payment_not_over_grpc", http: 402 });
    expect(touched).toEqual([]);
  });

  test("ends at its deadline, and with the signal", async () => {
    endpoint.turns = ["hang"];
    await using transport = new GrpcTransport({ url: endpoint.url, deadlineMs: 300 });
    const sent = { signedHash, text, payment: {} };
    await expect(transport.send(sent, new AbortController().signal)).rejects.toMatchObject({ code: "GRPC_TIMEOUT" });
    endpoint.turns = ["hang"];
    endpoint.cancelled = Promise.withResolvers();
    const stop = new AbortController();
    const sending = submitting(undefined, stop.signal);
    const refused = expect(sending).rejects.toThrow("stopping");
    await vi.waitUntil(() => endpoint.turns.length === 0);
    stop.abort(new Error("stopping"));
    await Promise.all([refused, endpoint.cancelled.promise]);
  });

  test("over TLS goes to who shows a trusted certificate alone", async () => {
    const keys = (name: string) => ({
      key: readFileSync(`${KEYS}/${name}-test-key.pem`),
      cert: readFileSync(`${KEYS}/${name}-test-cert.pem`),
    });
    await using trusted = await new GrpcEndpoint(keys("first")).start();
    expect(await submitting(undefined, undefined, trusted)).toMatchObject({ kind: "delivered" });
    await using other = await new GrpcEndpoint(keys("second")).start();
    expect(await submitting(undefined, undefined, other)).toMatchObject({ kind: "retry", code: "GRPC_UNREACHABLE" });
    expect(other.calls).toEqual([]);
  });
});

describe("through the outbox", () => {
  const signer = newSigner();
  const clock = new StillClock();
  const chain = new SteppedChain([validatorNeuron(1, signer)]);
  chain.grow(210);
  chain.finalize(200);

  function start(home: string): Relay {
    const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const;
    const options = { settings: { ...settings, gateway: endpoint.address }, signer, chain, http: none, sr25519, clock };
    return new Relay({ home, log: silent, ...options });
  }

  const round = (block: number) => {
    const { hash } = chain.block(block);
    return { block, blockHash: hash, roundId: Math.floor(block / 50), scores: scoresOf(1, 0.5) };
  };

  test("a reply that was lost and an endpoint that restarts leave one acceptance and one receipt", async () => {
    await using home = await tempHome();
    endpoint.turns = ["lose"];
    {
      await using relay = start(home.path);
      await relay.emitRanking(round(90));
      await relay.tick();
      expect(await relay.list()).toMatchObject([{ state: "submitting", attempts: 1, lastError: "GRPC_UNREACHABLE" }]);
      clock.time += 10_000;
      await relay.tick();
      expect(await relay.list()).toMatchObject([{ state: "submitting", attempts: 2, lastError: "GRPC_UNREACHABLE" }]);
    }
    // Both have restarted.
    await endpoint.start();
    clock.time += 20_000;
    await using relay = start(home.path);
    await relay.tick();
    const [receipt] = endpoint.accepted.values();
    expect(await relay.list()).toMatchObject([{ state: "delivered", receipt }]);
    expect(endpoint.calls.map(({ payload }) => payload.toString())).toEqual(
      Array.from({ length: 2 }, () => endpoint.calls[0]?.payload.toString()),
    );
    expect(endpoint.accepted.size).toBe(1);
    // The connection that is there goes on to be used; one that failed keeps the next attempt from nothing.
    await relay.emitRanking(round(40));
    await relay.tick();
    endpoint.stop();
    await relay.emitRanking(round(140));
    await relay.tick();
    clock.time += 10_000;
    await relay.tick();
    await endpoint.start();
    clock.time += 20_000;
    await relay.tick();
    expect((await relay.list()).map(({ state }) => state)).toEqual(["delivered", "delivered", "delivered"]);
    expect(endpoint.accepted.size).toBe(3);
  });

  test("an endpoint that asks for money parks it, and poison keeps nothing else back", async () => {
    await using home = await tempHome();
    endpoint.turns = [
      () => ({ code: status.PERMISSION_DENIED, word: "payment_required" }),
      () => ({ code: status.INVALID_ARGUMENT, word: "malformed" }),
    ];
    await using relay = start(home.path);
    for (const block of [90, 40, 140]) await relay.emitRanking(round(block));
    await relay.tick();
    const ends = (await relay.list()).map(({ state, lastError }) => [state, lastError]);
    expect(ends.sort()).toEqual([
      ["delivered", null],
      ["parked", "malformed"],
      ["parked", "payment_not_over_grpc"],
    ]);
  });
});
