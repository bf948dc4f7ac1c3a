// Writes through a store worker, ends it, and says whether SQLite's library is in the process still. Linux tells.
import { readFileSync } from "node:fs";
import { StoreWorker } from "../../src/node/runtime/store-worker.ts";
import type { ExampleOperations } from "./example-store-worker.ts";

const [path = ""] = process.argv.slice(2);
const url = new URL("./example-store-worker.ts", import.meta.url);
await using store = new StoreWorker<ExampleOperations>({ url, workerData: { path } });
await store.call("add", "a note");
await store[Symbol.asyncDispose]();
process.stdout.write(/better[-_]sqlite3/.test(readFileSync("/proc/self/maps", "utf8")) ? "loaded" : "unloaded");
