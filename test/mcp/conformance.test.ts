import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveForTest } from "../support/mcp-server.ts";

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

async function run(url: string, version: string, scenario: string) {
  const args = ["server", "--url", `${url}/mcp`, "--scenario", scenario, "--spec-version", version];
  const child = spawn(process.execPath, [suite, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, "exit"), text(child.stderr)]);
  const [, passed = "0", all = "0"] = /Passed: (\d+)\/(\d+)/.exec(stdout) ?? [];
  return { code, passed: Number(passed), all: Number(all), stdout };
}

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
