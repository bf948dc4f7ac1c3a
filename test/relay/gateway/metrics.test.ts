import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { FakeGate } from "./fake-gate.ts";
import { GatewayKit, post } from "./gateway-kit.ts";

let kit: GatewayKit;
let gateway: RunningGateway;
const gate = new FakeGate();
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start({ openGate: async () => gate, config: { adminPort: 0 } });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

/** The samples of the gateway's own metrics that are not 0, without histograms' buckets. */
async function scrape(): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${gateway.operatorUrl}/metrics`)).text();
  const samples = [...text.matchAll(/^engram_gateway_(\S+) (\S+)$/gm)].map(([, name = "", value]) => [
    name,
    Number(value),
  ]);
  return Object.fromEntries(samples.filter(([name, value]) => value !== 0 && !/_(?:bucket|sum)/.test(String(name))));
}

test("every submission is counted once by what became of it, and money by its receipts alone", async () => {
  expect(await scrape()).toEqual({});
  const pending = await kit.ranking();
  await post(gateway, pending.text);
  const { text } = await kit.inference();
  await post(gateway, text);
  gate.next = "unknown";
  await post(gateway, text, { "x-paid": "11" });
  gate.next = "settled";
  await post(gateway, text, { "x-paid": "11" });
  // Sent again, it is the same receipt: the money came once.
  await post(gateway, text, { "x-paid": "11" });
  await post(gateway, "{}");
  const early = await kit.inference({ block: (await kit.chain.head()).number });
  await post(gateway, early.text);
  expect(await scrape()).toEqual({
    'submissions_total{outcome="pending_quorum"}': 1,
    'submissions_total{outcome="payment_required"}': 1,
    'submissions_total{outcome="payment_unknown"}': 1,
    'submissions_total{outcome="accepted"}': 1,
    'submissions_total{outcome="duplicate"}': 1,
    'refused_total{reason="malformed"}': 1,
    'refused_total{reason="not_final"}': 1,
    'open_submissions{state="pending_quorum"}': 1,
    submission_duration_seconds_count: 5,
    submission_bytes_count: 7,
    'payment_bindings{binding="bound"}': 1,
    payments_total: 1,
    received_usd_total: 0.001,
    receipts: 1,
  });
});

test("an open stream of the feed is a reader, until it leaves", async () => {
  const leaving = new AbortController();
  const stream = await fetch(`${gateway.url}/v1/external-intelligence/stream`, { signal: leaving.signal });
  const reader = stream.body?.getReader();
  await reader?.read();
  expect(await scrape()).toMatchObject({ feed_readers: 1 });
  leaving.abort();
  await expect.poll(async () => (await scrape())["feed_readers"], { timeout: 30_000 }).toBeUndefined();
});
