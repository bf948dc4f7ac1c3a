import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/mcp-server.ts";

type Server = ChildProcessByStdio<Writable, Readable, Readable>;

const hello = {
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "0" } },
};

/** The shipped command with every line of its stdout, and a way to ask it. */
function start(home: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const options = { env: { ...process.env, ENGRAM_HOME: home, ENGRAM_LOG_LEVEL: "debug", ...env } };
  const server: Server = spawn(process.execPath, ["bin/engram.js", "mcp", ...args], {
    ...options,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const waiting = new Map<number, (message: Record<string, unknown>) => void>();
  createInterface({ input: server.stdout }).on("line", (line) => {
    lines.push(line);
    const message = parse(line);
    waiting.get(Number(message["id"]))?.(message);
  });
  const logs: string[] = [];
  createInterface({ input: server.stderr }).on("line", (line) => logs.push(line));
  let id = 0;
  const ask = (request: object) =>
    new Promise<Record<string, unknown>>((resolve) => {
      waiting.set(++id, resolve);
      server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...request })}\n`);
    });
  return { server, lines, logs, ask };
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const call = (name: string, args: object) => ({ method: "tools/call", params: { name, arguments: args } });

test("stdout carries the protocol alone, whatever comes in, and the process ends with its input", async () => {
  await using home = await temporaryFolder();
  const { server, lines, logs, ask } = start(home.path);
  await ask(hello);
  server.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  await ask(call("engram_store", { text: "Ana prefers tea" }));
  const asked = [
    ask(call("engram_query", { query: "tea" })),
    ask(call("engram_query", { query: 7 })),
    ask(call("no_such_tool", {})),
    ask({ method: "no/such/method" }),
    ask({ method: "resources/read", params: { uri: "nowhere://x" } }),
  ];
  server.stdin.write('not json\n{"jsonrpc":"2.0"}\n[]\n\n');
  await Promise.all(asked);
  await ask({ method: "tools/list" });
  server.stdin.end();
  const [code] = await once(server, "exit");
  expect(code).toBe(0);
  expect(lines.length).toBeGreaterThanOrEqual(8);
  for (const line of lines) expect(parse(line), line).toMatchObject({ jsonrpc: "2.0" });
  for (const line of logs) expect(parse(line), line).toMatchObject({ level: expect.any(Number) });
  // The same check sees a line that is no protocol.
  expect(parse("hello")).not.toMatchObject({ jsonrpc: "2.0" });
});

test("a server that never got a word ends with its input", async () => {
  await using home = await temporaryFolder();
  const { server, lines } = start(home.path);
  server.stdin.end();
  const [code] = await once(server, "exit");
  expect([code, lines]).toEqual([0, []]);
});

test.skipIf(process.platform === "win32")("SIGTERM stops it in order, and what was acknowledged is there", async () => {
  await using home = await temporaryFolder();
  const first = start(home.path);
  await first.ask(hello);
  await first.ask(call("engram_store", { text: "Bruno grows tomatoes" }));
  first.server.kill("SIGTERM");
  const [code] = await once(first.server, "exit");
  expect(code).toBe(0);

  const second = start(home.path);
  await second.ask(hello);
  const listed = await second.ask(call("engram_list", {}));
  expect(JSON.stringify(listed)).toContain("Bruno grows tomatoes");
  second.server.stdin.end();
  await once(second.server, "exit");
});

test("a wrong start says what to do, on stderr", async () => {
  await using home = await temporaryFolder();
  for (const [args, env, says] of [
    [["--tools", "engram_fly"], {}, /engram_query/],
    [[], { ENGRAM_CONSENT: "public=maybe" }, /allow\|ask\|deny/],
    [["--http", "--port", "0", "--host", "0.0.0.0"], {}, /token/],
    [["--port", "99999"], {}, /65535/],
  ] as const) {
    const { server, lines, logs } = start(home.path, args, env);
    server.stdin.end();
    const [code] = await once(server, "close");
    expect(code, args.join(" ")).not.toBe(0);
    expect(lines).toEqual([]);
    expect(logs.join("\n")).toMatch(says);
  }
});

test("the token command prints a token once, and HTTP with it serves", async () => {
  await using home = await temporaryFolder();
  const run = async (args: readonly string[]) => {
    const { server, lines } = start(home.path, args);
    const [code] = await once(server, "close");
    return { code, lines };
  };
  const added = await run(["token", "add", "ana"]);
  expect(added).toMatchObject({ code: 0, lines: [expect.stringMatching(/^engram_[\w-]{43}$/)] });
  expect((await run(["token", "list"])).lines).toEqual([expect.stringMatching(/^ana\t/)]);
  expect((await run(["token", "add", "ana"])).code).not.toBe(0);

  const { server, logs } = start(home.path, ["--port", "0"]);
  while (!logs.some((line) => line.startsWith("MCP at "))) await once(server.stderr, "data");
  const url = logs.find((line) => line.startsWith("MCP at "))?.slice(7) ?? "";
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  expect((await fetch(url, { method: "POST", headers, body })).status).toBe(401);
  const authorization = `Bearer ${added.lines[0]}`;
  expect((await fetch(url, { method: "POST", headers: { ...headers, authorization }, body })).status).toBe(200);
  server.kill("SIGTERM");
  expect(await once(server, "exit")).toEqual([0, null]);
  expect((await run(["token", "remove", "ana"])).code).toBe(0);
  expect((await run(["token", "remove", "ana"])).code).toBe(1);
});
