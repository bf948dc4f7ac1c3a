import { expect, test } from "vitest";
import { Relay } from "../../../src/relay/relay.ts";
import { serveRelayMetrics } from "../../../src/relay/serve-relay-metrics.ts";
import {
  anInference,
  newSigner,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  says,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";

const HOOK = "http://alerts.test/hook";
const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000, alertUrl: HOOK } as const;

interface Alert {
  readonly state: string;
  readonly consecutive_failures: number;
}

async function alerting(home: string) {
  const [clock, signer] = [new StillClock(), newSigner()];
  const chain = new SteppedChain([validatorNeuron(1, signer)]);
  chain.grow(110);
  chain.finalize(100);
  const heard: Alert[] = [];
  const hook = { works: true };
  const take = async (request: Request) => {
    if (!hook.works) return new Response("", { status: 500 });
    heard.push((await request.json()) as Alert);
    return new Response("");
  };
  const gateway = new ScriptedGateway((request) => (request.url === HOOK ? take(request) : undefined));
  gateway.answers = [says(503, "down")];
  const own = { ...settings, gateway: gateway.address };
  const open = () => new Relay({ home, settings: own, signer, chain, http: gateway.http, sr25519, log: silent, clock });
  return { clock, gateway, heard, hook, open, signer };
}

test("the third failure on end alerts, then each doubling, across restarts and a webhook that was away; and its end", async () => {
  await using home = await tempHome();
  const { clock, gateway, heard, hook, open, signer } = await alerting(home.path);
  let relay = open();
  await relay.submit(anInference("one"));
  await relay.submit(anInference("two"));
  const fail = async (attempts: number) => {
    for (let before = gateway.posted.length; gateway.posted.length < before + attempts; clock.time += 10_000) {
      await relay.tick();
    }
    await relay[Symbol.asyncDispose]();
    relay = open();
  };
  await fail(2);
  expect(heard).toEqual([]);
  hook.works = false;
  await fail(2);
  hook.works = true;
  await relay.tick();
  const firing = { alert: "relay_failures", state: "firing", last_error: "down", dlq_pending: 2, netuid: 450 };
  expect(heard).toMatchObject([{ ...firing, consecutive_failures: 3, validator_hotkey: signer.hotkey }]);
  await fail(4);
  await relay.tick();
  expect(heard.map((alert) => alert.consecutive_failures)).toEqual([3, 6]);
  expect(await relay.status()).toMatchObject({ consecutive_failures: gateway.posted.length });
  gateway.answers = [(posted) => gateway.accept(posted)];
  clock.time += 1_000_000;
  await relay.tick();
  await relay.tick();
  expect(heard.map(({ state }) => state)).toEqual(["firing", "firing", "resolved"]);
  expect(await relay.status()).toMatchObject({ consecutive_failures: 0, total_ok: 2 });
  await relay[Symbol.asyncDispose]();
});

test("waiting is no failure; lag is measured by the receiver's clock set right, and what is not acknowledged is counted", async () => {
  await using home = await tempHome();
  const { clock, gateway, heard, open } = await alerting(home.path);
  const AHEAD = 90_000;
  const pending = () => Response.json({ status: "pending_chain", received_at_ms: clock.time + AHEAD }, { status: 202 });
  gateway.answers = [pending];
  await using relay = open();
  await using server = await serveRelayMetrics(relay, 0, silent);
  if (!server) throw new Error("it has a port");
  const scrape = async () => await (await fetch(`${server.url}/metrics`)).text();
  await relay.submit(anInference());
  for (let hour = 0; hour < 5; hour += 1) {
    await relay.tick();
    clock.time += 1_000_000;
  }
  expect(heard).toEqual([]);
  expect(await scrape()).toMatch(/engram_relay_unacked 1\n/);
  expect((await relay.status()).clock_skew_ms).toBeGreaterThan(AHEAD - 1_000);
  const sentAt = (await relay.list())[0]?.firstSubmitAt ?? 0;
  gateway.answers = [
    ({ text }) => {
      const receipt = gateway.receipt(text, { accepted_at_ms: clock.time + AHEAD });
      return Response.json({ receipt }, { status: 200 });
    },
  ];
  await relay.tick();
  const text = await scrape();
  const sum = Number(/engram_relay_ack_lag_seconds_sum\{until="accepted"\} (\S+)/.exec(text)?.[1]);
  expect(Math.abs(sum - (clock.time - sentAt) / 1_000)).toBeLessThan(2);
  expect(text).toMatch(/engram_relay_unacked 0\n/);
  expect(text).toMatch(/engram_relay_submissions_total\{result="ok",output_type="inference"\} 1\n/);
  expect(text).toMatch(/engram_relay_queue_entries\{state="delivered"\} 1\n/);
  expect(text).toMatch(/engram_relay_attempts_total\{code="202"\} 5\n/);
  expect(await (await fetch(`${server.url}/relay/status`)).json()).toMatchObject({ total_ok: 1, enabled: true });
  expect((await fetch(`${server.url}/elsewhere`)).status).toBe(404);
});

test("what ended long ago is forgotten: rankings wholly, of others the text but not that they were sent", async () => {
  await using home = await tempHome();
  const { clock, gateway, open } = await alerting(home.path);
  gateway.answers = [(posted) => gateway.accept(posted)];
  await using relay = open();
  await relay.submit(anInference());
  await relay.tick();
  clock.time += 31 * 86_400_000;
  await relay.tick();
  expect(await relay.list()).toMatchObject([{ state: "delivered", body: null, outputJson: "{}", receipt: {} }]);
  expect(await relay.submit(anInference())).toMatchObject({ created: false });
  expect(gateway.posted).toHaveLength(1);
});
