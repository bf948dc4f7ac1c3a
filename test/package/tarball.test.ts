import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { getMcpConfigForManifest, v0_3 } from "@anthropic-ai/mcpb";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bundleManifest } from "../../ops/package/bundle-manifest.ts";
import { type Installation, install, packTarball } from "../../ops/package/installation.ts";
import { stageBundle } from "../../ops/package/stage-bundle.ts";
import { connect } from "../support/mcp-clients.ts";
import { oldestNode } from "./runtimes.ts";

// It may have to build the package first.
vi.setConfig({ testTimeout: 480_000, hookTimeout: 480_000 });

/** What a person who only runs `engram mcp` may be asked to keep on disk. */
const LIGHT_MEGABYTES = 250;

const old = oldestNode();
const nodes = [["this Node", process.execPath] as const, ...(old ? [["the oldest Node", old] as const] : [])];

let folder = "";
let full: Installation;
let light: Installation;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-package-"));
  const tarball = await packTarball(folder);
  [light, full] = await Promise.all([
    // What a bundle for MCP clients holds is the same.
    stageBundle(tarball, join(folder, "light")),
    install(tarball, join(folder, "full"), false),
  ]);
  for (const [name, { packages, megabytes }] of Object.entries({ light, full })) {
    process.stderr.write(`installed ${name}: ${packages} packages, ${megabytes} MB\n`);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

/** Nothing of the tester's own settings reaches it; a folder for memories of its own. */
async function environment(): Promise<Record<string, string>> {
  const home = await mkdtemp(join(folder, "home-"));
  return { PATH: process.env["PATH"] ?? "", HOME: home, ENGRAM_HOME: join(home, "engram") };
}

/** In a folder of no project, so that nothing is found there either. */
async function start(node: string, { launcher }: Installation, args: readonly string[]) {
  const env = await environment();
  return spawn(node, [launcher, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

async function run(node: string, at: Installation, args: readonly string[]) {
  const child = await start(node, at, args);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number | null, stdout, stderr };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("who only runs engram mcp keeps little on disk", () => {
  expect(light.packages).toBeGreaterThan(50);
  expect(light.megabytes).toBeLessThanOrEqual(LIGHT_MEGABYTES);
  expect(full.packages).toBeGreaterThan(light.packages);
});

/** The library's own rules, and its own reading of what a client starts when its person answered nothing. */
test("the bundle's manifest is valid, and starts the server in it", async () => {
  const manifest = v0_3.McpbManifestSchema.parse(bundleManifest);
  const started = await getMcpConfigForManifest({
    ...{ manifest, extensionPath: join(folder, "light"), systemDirs: {}, pathSeparator: sep },
    userConfig: Object.fromEntries(Object.keys(manifest.user_config ?? {}).map((name) => [name, ""])),
  });
  expect(started?.command).toBe("node");
  const env = { ...started?.env, ...(await environment()) };
  expect(Object.values(env).filter((value) => value.includes("user_config"))).toEqual([]);
  await using session = await connect({ command: process.execPath, args: started?.args ?? [], env }, "legacy");
  expect((await session.client.listTools()).tools.map(({ name }) => name)).toContain("engram_store");
  expect(v0_3.McpbManifestSchema.safeParse({ ...bundleManifest, manifest_version: "9" }).success).toBe(false);
});

describe.each(nodes)("without what only nodes need, on %s", (_, node) => {
  test("the help names every command", async () => {
    const { code, stdout } = await run(node, light, ["--help"]);
    expect(code).toBe(0);
    for (const name of ["mcp", "up", "demo", "store", "doctor"])
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
  });

  test("an agent stores and recalls", async () => {
    const place = { command: node, args: [light.launcher, "mcp"], env: await environment() };
    await using session = await connect(place, "auto");
    const items = [{ text: "The spare key hangs behind the blue bicycle frame." }, { text: "Lunch is at noon." }];
    const stored = await session.call("engram_store", { items });
    expect(stored).toMatchObject({ isError: false, data: { stored: [{}, {}] } });
    const { data } = await session.call("engram_query", { query: "Where is the spare key?" });
    expect(data).toMatchObject({ hits: [{ text: items[0]?.text }, {}] });
  });

  test("a subnet asks for what it lacks in one sentence", async () => {
    const { code, stdout, stderr } = await run(node, light, ["up", "--json"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const message = "this part of Engram needs the package viem, which is not installed";
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "PACKAGE_MISSING", message } });
  });
});

test("a subnet starts, serves and stops", async () => {
  const child = await start(process.execPath, full, [
    "up",
    "--json",
    "--miners",
    "1",
    "--validators",
    "1",
    "--block-ms",
    "200",
  ]);
  const failure = text(child.stderr);
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const ready = await new Promise<{ readonly processes: readonly { readonly pid: number }[] }>((resolve, reject) => {
    lines.on("line", (line) => {
      const event = JSON.parse(line);
      if (event.event === "ready") resolve(event);
    });
    void exited.then(async () => reject(new Error(await failure)));
  });
  expect(ready.processes).toHaveLength(5);
  child.kill("SIGTERM");
  const [code] = await exited;
  expect({ code, failure: await failure }).toEqual({ code: 0, failure: "" });
  expect(ready.processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

/** On the oldest Node, where there is one: test/demo.test.ts runs it from the sources, on this one. */
test("the demo holds", async () => {
  const { code, stdout } = await run(old ?? process.execPath, full, ["demo", "--json"]);
  const { ok, steps } = JSON.parse(stdout) as { ok: boolean; steps: readonly { name: string; ok: boolean }[] };
  expect(steps.filter((step) => !step.ok)).toEqual([]);
  expect(steps.map(({ name }) => name)).toContain("sagebot");
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
});
