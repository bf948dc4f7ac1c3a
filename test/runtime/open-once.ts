import { StoreWorker } from "../../src/node/runtime/store-worker.ts";
import type { ExampleOperations } from "./example-store-worker.ts";

// Opens the store of argv[2], adds argv[3], prints what is there, and leaves without closing.
const [, , path, text = ""] = process.argv;
const url = new URL("./example-store-worker.ts", import.meta.url);
const store = new StoreWorker<ExampleOperations>({ url, workerData: { path } });
await store.call("add", text);
process.stdout.write(JSON.stringify(await store.call("all", null)));
