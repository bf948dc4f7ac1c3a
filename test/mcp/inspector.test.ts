import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allTools } from "../../src/mcp/tools/index.ts";
import { fakeOverStdio, serveForTest } from "../support/mcp-server.ts";

const inspector = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
const { command, args: script } = fakeOverStdio("public=ask");

/** Runs the Inspector's CLI on this Node; 0 is fine, 5 a tool's error, 6 a schema that is not portable. */
async function inspect(target: readonly string[], args: readonly string[]) {
  const child = spawn(process.execPath, [inspector, "--cli", ...target, ...args, "--format", "json"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, "exit"), text(child.stderr)]);
  return { code, result: (JSON.parse(stdout || "{}") as { result?: Record<string, unknown> }).result ?? {} };
}

describe.each(["legacy", "modern"])("MCP Inspector, %s era", (era) => {
  let server: Awaited<ReturnType<typeof serveForTest>>;
  beforeAll(async () => {
    server = await serveForTest();
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const version = era === "legacy" ? "2025-11-25" : "2026-07-28";
  const store = ["--method", "tools/call", "--tool-name", "engram_store", "--tool-arg", "text=Ana prefers tea"];

  test.each(["stdio", "HTTP"])("lists strictly and calls over %s", { timeout: 60_000 }, async (transport) => {
    const target = transport === "stdio" ? [command, ...script] : [`${server.url}/mcp`, "--transport", "http"];
    const inEra = (args: readonly string[]) => inspect(target, ["--protocol-era", era, ...args]);
    expect(await inEra(["--method", "initialize"])).toMatchObject({ code: 0, result: { protocolVersion: version } });
    const listed = await inEra(["--method", "tools/list", "--strict"]);
    expect(listed.code).toBe(0);
    expect(listed.result["tools"]).toHaveLength(allTools.length);
    expect(await inEra(store)).toMatchObject({
      code: 0,
      result: { structuredContent: { stored: [{ id: expect.stringMatching(/^m_/) }] } },
    });
    const wrong = ["--method", "tools/call", "--tool-name", "engram_get", "--tool-args-json", '{"ids":["m_x"]}'];
    expect(await inEra(wrong)).toMatchObject({ code: 5, result: { isError: true } });
  });
});
