import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { startHttpServer } from "../../../src/node/runtime/http-server.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { serveRelayMetrics } from "../../../src/relay/serve-relay-metrics.ts";
import { fileWith, lacksPromtool, promtool, RULES } from "../../ops/promtool.ts";
import { GatewayKit } from "../gateway/gateway-kit.ts";
import { anInference, StillClock, silent, sr25519 } from "../relay-kit.ts";

interface Alert {
  readonly state: string;
  readonly consecutive_failures: number;
}

/** A relay that works, a gateway that can be switched off and on at its address, and a webhook that listens. */
async function scene() {
  const kit = await GatewayKit.open();
  onTestFinished(() => kit[Symbol.asyncDispose]());
  const heard: Alert[] = [];
  const hook = await startHttpServer({
    hostname: "127.0.0.1",
    port: 0,
    handler: async (request) => {
      heard.push((await request.json()) as Alert);
      return new Response("");
    },
  });
  onTestFinished(() => hook[Symbol.asyncDispose]());
  const first = await kit.start();
  let running: AsyncDisposable | undefined = first;
  const { url, hotkey } = first;
  const gateway = {
    off: async () => {
      await running?.[Symbol.asyncDispose]();
      running = undefined;
    },
    on: async () => {
      running = await kit.start({ config: { port: Number(new URL(url).port) } });
    },
  };
  onTestFinished(gateway.off);
  const clock = new StillClock();
  const settings = {
    ...({ netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const),
    ...{ alertUrl: `${hook.url}/alerts`, gateway: { url, hotkey } },
  };
  const relay = new Relay({
    ...{ home: join(kit.folder, "relay"), settings, signer: kit.stranger, chain: kit.chain },
    ...{ http: createHttpClient(), sr25519, log: silent, clock },
  });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const page = await serveRelayMetrics(relay, 0, silent);
  if (!page) throw new Error("it has a port");
  onTestFinished(() => page[Symbol.asyncDispose]());
  const scrape = async () => (await fetch(`${page.url}/metrics`)).text();
  /** All that is due now, and again half an hour later: longer than any wait between two attempts. */
  const attempt = async () => {
    clock.time += 1_800_000;
    expect(await relay.tick()).toBe(true);
  };
  return { relay, gateway, heard, scrape, attempt };
}

function sampleOf(text: string, metric: string): number | undefined {
  const found = new RegExp(`^${metric} (\\S+)$`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Whether Prometheus, with the rules of `ops`, says that an alert fires after it scraped `text` for ten minutes. */
async function fires(alert: string, text: string): Promise<boolean> {
  const samples = text.split("\n").filter((line) => line.startsWith("engram_relay_"));
  expect(samples.length).toBeGreaterThan(20);
  const input_series = samples.map((line) => {
    const at = line.lastIndexOf(" ");
    return { series: line.slice(0, at), values: `${line.slice(at + 1)}x10` };
  });
  const expectation = (samples: number) => ({
    rule_files: [RULES],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series,
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
            eval_time: "10m",
            exp_samples: samples === 0 ? [] : [{ labels: "{}", value: samples }],
          },
        ],
      },
    ],
  });
  const passes = async (samples: number) => {
    const file = await fileWith("scraped.json", JSON.stringify(expectation(samples)));
    return await promtool("test", "rules", file).then(
      () => true,
      () => false,
    );
  };
  const [firing, quiet] = [await passes(1), await passes(0)];
  // Just one of both holds, or promtool did not understand the question.
  expect(firing).toBe(!quiet);
  return firing;
}

test("a gateway that is off fires the alert once at the third failure, and resolves it once it is on", async () => {
  const { relay, gateway, heard, scrape, attempt } = await scene();
  await relay.submit(anInference("one"));
  await attempt();
  expect(await relay.list("delivered")).toHaveLength(1);
  expect(sampleOf(await scrape(), "engram_relay_consecutive_failures")).toBe(0);

  await gateway.off();
  await relay.submit(anInference("two"));
  await attempt();
  await attempt();
  expect(heard).toEqual([]);
  expect(sampleOf(await scrape(), "engram_relay_consecutive_failures")).toBe(2);
  const before = await scrape();
  await attempt();
  const during = await scrape();
  expect(heard).toMatchObject([{ state: "firing", consecutive_failures: 3 }]);
  expect(sampleOf(during, "engram_relay_consecutive_failures")).toBe(3);
  // Once, however often it looks again.
  await attempt();
  await attempt();
  expect(heard).toHaveLength(1);

  await gateway.on();
  await attempt();
  const after = await scrape();
  expect(heard.map(({ state }) => state)).toEqual(["firing", "resolved"]);
  expect(await relay.list("delivered")).toHaveLength(2);
  expect(sampleOf(after, "engram_relay_consecutive_failures")).toBe(0);
  expect(sampleOf(after, "engram_relay_last_success_timestamp_seconds")).toBeGreaterThan(0);

  // The condition of Prometheus's rule, on these values, and where promtool is at hand the rule itself.
  const { groups } = parse(await readFile(RULES, "utf8")) as { groups: { rules: { alert: string; expr: string }[] }[] };
  const rule = groups.flatMap(({ rules }) => rules).find(({ alert }) => alert === "EngramRelayFailing");
  expect(rule?.expr).toBe("engram_relay_consecutive_failures >= 3");
  if (lacksPromtool) return;
  expect(await fires("EngramRelayFailing", before)).toBe(false);
  expect(await fires("EngramRelayFailing", during)).toBe(true);
  expect(await fires("EngramRelayFailing", after)).toBe(false);
});
