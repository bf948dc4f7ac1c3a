import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { McpHttpServer } from "../../../src/mcp/transports/http.ts";
import { serveForTest } from "../../support/mcp-server.ts";
import { serveFixture } from "./fixture.ts";

const suite = "node_modules/@modelcontextprotocol/conformance/dist/index.js";

/** The scenarios of the official suite that need no fixtures; the others call tools made for the suite. */
const generic: Readonly<Record<string, readonly string[]>> = {
  "2025-11-25": [
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
  ],
  "2026-07-28": [
    "tools-list",
    "resources-list",
    "prompts-list",
    "caching",
    "http-header-validation",
    "sep-2164-resource-not-found",
    "dns-rebinding-protection",
    "server-sse-multiple-streams",
    "input-required-result-unsupported-methods",
  ],
};

async function conformance(url: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [suite, "server", "--url", `${url}/mcp`, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, "exit"), text(child.stderr)]);
  return { code, stdout };
}

async function run(url: string, version: string, scenario: string) {
  const { code, stdout } = await conformance(url, "--scenario", scenario, "--spec-version", version);
  const [, passed = "0", all = "0"] = /Passed: (\d+)\/(\d+)/.exec(stdout) ?? [];
  return { code, passed: Number(passed), all: Number(all), stdout };
}

/** Scenarios of 2025-11-25 that need a session, which no server here keeps, by what the suite says of each. */
const SESSION_ONLY = [
  "tools-call-sampling",
  "tools-call-elicitation",
  "elicitation-sep1034-defaults",
  "elicitation-sep1330-enums",
];

/** What `--requirements` prints, scenario by scenario, up to what is run and not scored. */
function scored(stdout: string) {
  const [summary = "", unscored = ""] = stdout.split(/^Not scored for /m);
  const notScored = new Set([...unscored.matchAll(/^ +[✓✗] (\S+) \(/gm)].map(([, name]) => name));
  const rows = [...summary.matchAll(/^([✓✗]) (\S+): (\d+) passed, (\d+) failed$/gm)];
  return rows.flatMap(([, , name = "", passed, failed]) =>
    notScored.has(name) ? [] : [{ name, passed: Number(passed), failed: Number(failed) }],
  );
}

describe("all that a revision requires, from a fixture on the product's own HTTP stack", () => {
  let fixture: McpHttpServer;
  beforeAll(async () => {
    fixture = await serveFixture();
  });
  afterAll(async () => fixture[Symbol.asyncDispose]());

  test("2026-07-28: all 37 scenarios pass", { timeout: 180_000 }, async () => {
    const { code, stdout } = await conformance(fixture.url, "--requirements", "2026-07-28");
    const rows = scored(stdout);
    expect(rows.filter(({ passed, failed }) => failed > 0 || passed === 0)).toEqual([]);
    expect([code, rows.length], stdout).toEqual([0, 37]);
  });

  test("2025-11-25: nothing fails but what needs a session", { timeout: 180_000 }, async () => {
    const args = ["--requirements", "2025-11-25", "--timeout", "5000"];
    const rows = scored((await conformance(fixture.url, ...args)).stdout);
    expect(rows.filter(({ failed }) => failed > 0).map(({ name }) => name)).toEqual(SESSION_ONLY);
    expect(rows).toHaveLength(30);
  });
});

describe.each(Object.keys(generic))("the official conformance suite, %s", (version) => {
  let server: Awaited<ReturnType<typeof serveForTest>>;
  beforeAll(async () => {
    server = await serveForTest();
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  test.each(generic[version] ?? [])("%s", { timeout: 60_000 }, async (scenario) => {
    const { code, passed, all, stdout } = await run(server.url, version, scenario);
    expect(code, stdout).toBe(0);
    expect(passed, stdout).toBeGreaterThan(0);
    expect(passed, stdout).toBe(all);
  });
});

test("the suite fails where it should: this server has none of its fixtures", { timeout: 60_000 }, async () => {
  await using server = await serveForTest();
  expect((await run(server.url, "2026-07-28", "tools-call-simple-text")).code).toBe(1);
});
