import { readdir, readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { dashboardFiles } from "../../ops/dashboards/all.ts";
import { MeasuredProcesses, type Metric } from "./measured-processes.ts";
import { fileWith, lacksPromtool, promtool, RULES } from "./promtool.ts";

const PROCESSES = ["miner", "validator", "gateway", "mcp"] as const;
const processes = await MeasuredProcesses.start();
afterAll(() => processes[Symbol.asyncDispose]());

const registered = new Map<string, Metric>();
for (const name of PROCESSES)
  for (const [metric, about] of await processes.metrics(name)) registered.set(metric, about);

/** Of Node's own figures these say nothing that a panel does not say better. */
const UNSHOWN: Readonly<Record<string, string>> = {
  process_cpu_user_seconds_total: "part of process_cpu_seconds_total",
  process_cpu_system_seconds_total: "part of process_cpu_seconds_total",
  process_virtual_memory_bytes: "reserved addresses, not memory",
  process_heap_bytes: "the data segment, which the resident memory holds",
  nodejs_eventloop_lag_seconds: "one probe; the 99th percentile is shown",
  nodejs_eventloop_lag_min_seconds: "the 99th percentile is shown",
  nodejs_eventloop_lag_max_seconds: "the 99th percentile is shown",
  nodejs_eventloop_lag_mean_seconds: "the 99th percentile is shown",
  nodejs_eventloop_lag_stddev_seconds: "the 99th percentile is shown",
  nodejs_eventloop_lag_p50_seconds: "the 99th percentile is shown",
  nodejs_eventloop_lag_p90_seconds: "the 99th percentile is shown",
  nodejs_active_resources: "for looking into a leak, by type",
  nodejs_active_resources_total: "for looking into a leak",
  nodejs_active_handles: "for looking into a leak, by type",
  nodejs_active_handles_total: "for looking into a leak",
  nodejs_active_requests: "for looking into a leak, by type",
  nodejs_active_requests_total: "for looking into a leak",
  nodejs_heap_size_total_bytes: "the used heap is shown",
  nodejs_external_memory_bytes: "part of the resident memory",
  nodejs_heap_space_size_total_bytes: "the heap by space, for looking into a leak",
  nodejs_heap_space_size_used_bytes: "the heap by space, for looking into a leak",
  nodejs_heap_space_size_available_bytes: "the heap by space, for looking into a leak",
  nodejs_version_info: "a version, not a figure",
};

/** The metrics that a query names, without what a histogram's series add to its name. */
function metricsIn(query: string): string[] {
  const names = query.match(/\b(?:engram|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => {
    const base = name.replace(/_(?:bucket|sum|count)$/, "");
    return registered.get(base)?.type === "histogram" ? base : name;
  });
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const boards = [...dashboardFiles()].map(([file, text]) => {
  const { panels } = JSON.parse(text) as { readonly panels: readonly Panel[] };
  return { file, text, graphs: panels.filter(({ type }) => type !== "row") };
});
const queries = boards.flatMap(({ graphs }) => graphs.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)));
const shown = new Set(queries.flatMap(metricsIn));

test("every metric is on a dashboard, or there is a reason why not", () => {
  expect(registered.size).toBeGreaterThan(60);
  const missing = [...registered.keys()].filter((name) => !shown.has(name) && !Object.hasOwn(UNSHOWN, name));
  expect(missing).toEqual([]);
  expect(Object.keys(UNSHOWN).filter((name) => shown.has(name) || !registered.has(name))).toEqual([]);
  expect(Object.keys(UNSHOWN).filter((name) => name.startsWith("engram_"))).toEqual([]);
});

test("every panel has a query, and every metric in one exists", () => {
  expect(boards.map(({ file }) => file).sort()).toEqual(
    ["network", "miner", "validator", "relay", "gateway", "mcp"].map((name) => `${name}.json`).sort(),
  );
  for (const { graphs } of boards) expect(graphs.length).toBeGreaterThan(9);
  for (const { graphs } of boards) for (const { targets } of graphs) expect(targets?.length).toBeGreaterThan(0);
  expect(shown.size).toBeGreaterThan(50);
  expect([...shown].filter((name) => !registered.has(name))).toEqual([]);
});

test("every metric in a rule exists, and so do the labels that queries ask for", async () => {
  type Rules = { readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[] };
  const { groups } = parse(await readFile(RULES, "utf8")) as Rules;
  const rules = groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  const named = rules.flatMap(metricsIn);
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !registered.has(name))).toEqual([]);
  // Both are Prometheus's own.
  const given = new Set(["instance", "job"]);
  const wrong = [...rules, ...queries].flatMap((query) =>
    [...query.matchAll(/\b(engram_[a-z0-9_]+)\{([^}]*)\}/g)].flatMap(([, name = "", selector = ""]) => {
      const labels = [...selector.matchAll(/(\w+)=~?"/g)].map(([, label = ""]) => label);
      const metric = registered.get(metricsIn(name)[0] ?? "");
      // A metric without a sample yet has no labels to compare with.
      return labels.filter((label) => !given.has(label) && metric?.samples !== 0 && !metric?.labels.has(label));
    }),
  );
  expect(wrong).toEqual([]);
});

test("the files in ops/grafana are what npm run dashboards writes", async () => {
  const folder = new URL("../../ops/grafana/", import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  expect(files).toEqual(boards.map(({ file }) => file).sort());
  for (const { file, text } of boards)
    expect([file, await readFile(new URL(file, folder), "utf8")]).toEqual([file, text]);
});

test.skipIf(lacksPromtool)("Prometheus understands every query", async () => {
  const plain = (query: string) => query.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*");
  const rules = queries.map((query, index) => ({ record: `query:${index}`, expr: plain(query) }));
  const file = await fileWith("queries.json", JSON.stringify({ groups: [{ name: "queries", rules }] }));
  expect(rules.length).toBeGreaterThan(100);
  expect(await promtool("check", "rules", file)).toContain(`SUCCESS: ${rules.length} rules found`);
});

test("names say their unit, and no process shows so much that it would grow without end", async () => {
  for (const [name, { type }] of registered) {
    if (type === "histogram") expect(name).toMatch(/_(?:seconds|ms|bytes)$/);
    if (type === "counter") expect(name).toMatch(/_total$/);
  }
  for (const name of PROCESSES) {
    const metrics = [...(await processes.metrics(name)).values()];
    expect(metrics.reduce((sum, { samples }) => sum + samples, 0)).toBeLessThan(500);
  }
});

test("every metric of ours is in docs/operations.md with what it says", async () => {
  const text = await readFile(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const rows = new Map(
    [...text.matchAll(/^\| `(engram_[a-z0-9_]+)(?:\{[^}]*\})?` +\| (\w+) +\| (.*?) *\|$/gm)].map(
      ([, name = "", type = "", help = ""]) => [name, { type, help }],
    ),
  );
  const ours = [...registered].filter(([name]) => name.startsWith("engram_"));
  expect(ours.length).toBeGreaterThan(45);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(ours.map(([name, { type, help }]) => [name, { type, help }])),
  );
});

test.each(PROCESSES)("the %s serves /metrics, /health and /ready for programs of this machine", async (name) => {
  const url = processes.urls.get(name) ?? "";
  expect(new URL(url).hostname).toBe("127.0.0.1");
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "ok" });
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({ ready: true });
  const metrics = await processes.metrics(name);
  for (const common of [
    "engram_disk_free_bytes",
    "process_resident_memory_bytes",
    "nodejs_eventloop_lag_p99_seconds",
  ]) {
    expect(metrics.get(common)?.samples).toBe(1);
  }
  if (name !== "mcp") expect(metrics.get("engram_chain_connected")?.samples).toBe(1);
  const page = await fetch(`${url}/metrics`, { headers: { origin: "https://example.org" } });
  expect(page.status).toBe(403);
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
});

test("a service that drains says so on the operator's listener too", async () => {
  for (const service of processes.services) service.drain();
  for (const name of ["miner", "validator", "gateway"]) {
    expect((await fetch(`${processes.urls.get(name)}/ready`)).status).toBe(503);
  }
});
