import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { openMinerFolder } from "../../src/node/miner/miner-folder.ts";
import { PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { probedWhile } from "../health-probe.ts";
import { type Load, postLoad } from "../http-load.ts";
import { type BodyKind, DIM } from "../load/bodies.ts";
import { startMinerProcess } from "../miner-process.ts";
import { unitVector } from "../random-vectors.ts";
import { type Result, result } from "../report.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const HELD = 100_000;
const BATCH = 1_000;
const SECONDS = 8;
const CONNECTIONS = [1, 16, 64];
const ROWS_A_COMMIT = 64;

/**
 * Ingest and query over HTTP with 100,000 vectors held, each beside what the machine does without the work; and how long
 * the event loop keeps a request waiting meanwhile.
 */
export async function minerHttp(held = HELD, seconds = SECONDS): Promise<readonly Result[]> {
  return withTemporaryFolder(async (folder) => {
    await fill(join(folder, "miner"), held);
    const rows = bareRows(folder, seconds);
    const results: Result[] = [];
    await using echo = await bareServer();
    await using miner = await startMinerProcess(folder);
    const idle = await probedWhile(miner.url, () => delay(seconds * 1_000));
    for (const connections of CONNECTIONS) {
      const common = { connections, seconds, first: connections * 1_000_000 };
      const bare = await postLoad({ ...common, url: echo.url, kind: "vector-ingest" });
      const load = async (what: string, path: string, kind: BodyKind) => {
        const { value, p99 } = await probedWhile(miner.url, () =>
          postLoad({ ...common, url: `${miner.url}${path}`, kind }),
        );
        const lag = { name: "idle miner", value: idle.p99 };
        results.push(...compared(what, connections, value, bare));
        results.push(result(`${what}, ${named(connections)}, p99 of a health probe (event loop)`, "ms", p99, lag));
      };
      await load("ingest of vectors", "/IngestSynapse", "vector-ingest");
      await load("ingest of texts", "/IngestSynapse", "text-ingest");
      await load("query by vector", "/QuerySynapse", "vector-query");
    }
    const best = results.find(({ name }) => name === `ingest of vectors, ${ROWS_A_COMMIT} connections`);
    const loop = { name: `bare better-sqlite3 FULL, ${ROWS_A_COMMIT} rows a commit`, value: rows };
    return [...results, result("durable ingest, 64 connections", "1/s", best?.value ?? Number.NaN, loop)];
  });
}

function compared(what: string, connections: number, ours: Load, bare: Load): readonly Result[] {
  const name = `${what}, ${named(connections)}`;
  const baseline = (value: number) => ({ name: "bare HTTP server that reads the same bodies", value });
  return [
    result(name, "1/s", ours.perSecond, baseline(bare.perSecond)),
    result(`${name}, p50`, "ms", ours.p50, baseline(bare.p50)),
    result(`${name}, p99`, "ms", ours.p99, baseline(bare.p99)),
  ];
}

function named(connections: number): string {
  return `${connections} connection${connections === 1 ? "" : "s"}`;
}

async function fill(folder: string, held: number): Promise<void> {
  const { store } = await openMinerFolder(folder, systemClock);
  for (let from = 0; from < held; from += BATCH) {
    const records = Array.from({ length: BATCH }, (_, i) => {
      const embedding = Float32Array.from(unitVector(from + i, DIM));
      const metadata = JSON.stringify({ n: from + i });
      const cid = `v1::${(from + i).toString(16).padStart(64, "0")}`;
      return {
        ...{ namespace: PUBLIC_NAMESPACE, cid, embedding, metadata },
        ...{ ingestedBy: null, createdAt: from + i, expiresAt: null },
      };
    });
    await store.put(records);
  }
  await store[Symbol.asyncDispose]();
}

/** Rows a second of the plainest durable loop over the same bytes. */
function bareRows(folder: string, seconds: number): number {
  const database = new Database(join(folder, "bare.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec("CREATE TABLE record (cid TEXT PRIMARY KEY, metadata TEXT NOT NULL, embedding BLOB NOT NULL) STRICT");
  const insert = database.prepare("INSERT INTO record VALUES (?, ?, ?)");
  const vector = Buffer.from(Float32Array.from(unitVector(0, DIM)).buffer);
  const commit = database.transaction((from: number) => {
    for (let row = from; row < from + ROWS_A_COMMIT; row += 1) insert.run(`v1::${row}`, `{"n": ${row}}`, vector);
  });
  let rows = 0;
  const began = performance.now();
  for (; performance.now() - began < seconds * 1_000; rows += ROWS_A_COMMIT) commit(rows);
  const perSecond = rows / ((performance.now() - began) / 1_000);
  database.close();
  return perSecond;
}

/** Reads a body and answers as much as a miner does, and does nothing else. */
async function bareServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.setHeader("content-type", "application/json").end('{"cid":"v1::0"}'));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
