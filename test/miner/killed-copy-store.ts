import { openCopyStore } from "../../src/node/miner/copies/copy-store.ts";

/** Journals two copies, claims them, and is gone before anything is sent. */
const [, , path = "", hotkey = ""] = process.argv;
const store = openCopyStore(path);
const copies = ["v1::a", "v1::b"].map((cid) => ({ cid, hotkey: hotkey as never }));
await store.call("assign", { copies, after: "7", now: 1_000 });
await store.call("claim", { now: 1_000, limit: 16 });
process.kill(process.pid, "SIGKILL");
