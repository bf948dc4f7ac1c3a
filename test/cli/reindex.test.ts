import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openMemoryClient } from "../../src/node/client/open-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { EmbeddingServer, send } from "../support/embedding-server.ts";
import { TestEmbedder } from "../support/test-embedder.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

const MEMORIES = 100;
const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));

let server: EmbeddingServer;
let home: string;
beforeEach(async () => {
  server = await EmbeddingServer.start();
  home = await temporaryFolder();
});
afterEach(() => server[Symbol.asyncDispose]());

const endpoint = () => ({
  ...{ ENGRAM_EMBEDDER: "openai", ENGRAM_EMBED_URL: server.url, ENGRAM_EMBED_MODEL: "nomic", ENGRAM_EMBED_DIM: "8" },
});

async function storeByAnotherModel(): Promise<void> {
  await using client = openMemoryClient({ home, log: createLogger({ level: "error" }), embedder: new TestEmbedder() });
  const items = Array.from({ length: MEMORIES }, (_, index) => ({ text: `The ferry number ${index} leaves at nine.` }));
  for (let from = 0; from < MEMORIES; from += 50) await client.store({ items: items.slice(from, from + 50) });
  await client.settle();
}

async function json(args: readonly string[]) {
  const { stdout, stderr } = await engram(home, [...args, "--json"], "", endpoint());
  return JSON.parse(stdout === "" ? stderr : stdout) as Record<string, unknown>;
}

test("memories of another model are found by their words, embedded anew through a kill, and none is lost or done twice", async () => {
  await storeByAnotherModel();
  expect(await json(["status"])).toMatchObject({ awaitingVectors: 0, otherModelVectors: MEMORIES });
  expect(server.calls).toEqual([]);
  const child = reindexing();
  const third = Promise.withResolvers<void>();
  const answer = server.otherwise;
  server.otherwise = (call, response) => (server.calls.length === 3 ? third.resolve() : answer(call, response));
  await third.promise;
  child.kill("SIGKILL");
  await once(child, "exit");
  const first = server.calls.slice(0, 2).flatMap(({ body }) => body.input);
  server.otherwise = answer;
  server.calls.length = 0;
  // As if the 15 s had passed in which a killed process's lease still holds.
  using database = closing(new Database(join(home, "memory.db")));
  database.exec("DELETE FROM lease");

  const { hits } = (await json(["query", "ferry number 99", "--limit", "1"])) as { hits: { text: string }[] };
  expect(hits[0]?.text).toContain("ferry number 99 leaves");
  server.calls.length = 0;
  expect(await json(["reindex"])).toEqual({ model: "nomic", embedded: MEMORIES - first.length, left: 0 });
  const second = server.calls.flatMap(({ body }) => body.input);
  expect(first.length).toBeGreaterThan(0);
  expect(new Set([...first, ...second]).size).toBe(MEMORIES);
  expect(first.length + second.length).toBe(MEMORIES);
  expect(await json(["reindex"])).toEqual({ model: "nomic", embedded: 0, left: 0 });
});

test("an endpoint that fails leaves everything as it was, and doctor says what is wrong", async () => {
  await storeByAnotherModel();
  server.otherwise = (_, response) => send(response, 401, { error: { message: "bad key" } });
  const failed = await engram(home, ["reindex", "--json"], "", endpoint());
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout)).toEqual({ model: "nomic", embedded: 0, left: MEMORIES });
  // One page was tried, and not all of them.
  expect(server.calls.length).toBeLessThanOrEqual(7);
  const { checks } = (await json(["doctor"])) as { checks: { name: string; state: string; fix?: string }[] };
  expect(checks.find(({ name }) => name === "embedder")).toMatchObject({ state: "broken" });
  expect(checks.find(({ name }) => name === "index")?.fix).toMatch(/engram reindex/);
  const missing = await engram(home, ["doctor", "--json"], "", { ENGRAM_EMBEDDER: "minilm" });
  const found = (JSON.parse(missing.stdout) as { checks: { name: string; state: string; fix?: string }[] }).checks;
  expect(found.find(({ name }) => name === "embedder")).toMatchObject({
    ...{ state: "broken", fix: expect.stringMatching(/engram models pull --from https:.*onnx\/model\.onnx/) },
  });
  expect(found.find(({ name }) => name === "packages")).toMatchObject({ state: "warning" });
  const pulled = await engram(home, ["models", "pull", "--json"]);
  expect(pulled.code).toBe(2);
  expect(errorOf(pulled)).toMatchObject({ code: "USAGE", fix: expect.stringContaining("--from https://…/") });
});

test("a store and a question say that the endpoint fails, and go on", async () => {
  server.otherwise = (_, response) => send(response, 401, { error: { message: "bad key" } });
  const why = "EMBEDDER_FAILED, the embedding endpoint answered with status 401; see engram doctor";
  const stored = await engram(home, ["store", "The ferry leaves at nine"], "", endpoint());
  expect(stored).toMatchObject({ code: 0, stderr: `stored; not yet found by its meaning: ${why}\n` });
  const asked = await engram(home, ["query", "ferry"], "", endpoint());
  expect(asked).toMatchObject({ code: 0, stderr: `answered by words alone: ${why}\n` });
  expect(asked.stdout).toContain("The ferry leaves");
  expect(await json(["query", "ferry"])).toMatchObject({ note: `answered by words alone: ${why}` });
  expect((await engram(home, ["status"], "", endpoint())).stdout).toMatch(/without vector +1, found by words alone/);
});

function closing(database: Database.Database): Database.Database & Disposable {
  return Object.assign(database, { [Symbol.dispose]: () => void database.close() });
}

function reindexing(): ChildProcess {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, [launcher, "reindex"], {
    env: { PATH, HOME, ENGRAM_HOME: home, ...endpoint() },
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (child.stderr) void text(child.stderr);
  return child;
}
