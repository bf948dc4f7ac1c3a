import { openReplicationStore } from "../../src/node/validator/replication/store/replication-store.ts";

/** Keeps two records and what was shown of one, plans both, and is gone. */
const [, , path = ""] = process.argv;
const store = openReplicationStore(path);
const content = { embedding: new Float32Array([1, 2]), metadata: "{}" };
const records = ["v1::a", "v1::b"].map((cid) => ({ cid, content, expiresAt: null }));
await store.call("track", { records, now: 1 });
const copies = ["one", "two"].map((miner) => ({ cid: "v1::a", miner: miner as never, isHeld: true }));
await store.call("noteCopies", { copies, at: 5 });
await store.call("noteCopies", { copies: copies.slice(1).map((copy) => ({ ...copy, isHeld: false })), at: 6 });
await store.call("plan", { cid: "v1::a", nextAt: 100, attempts: 0 });
await store.call("plan", { cid: "v1::b", nextAt: 7, attempts: 2 });
process.kill(process.pid, "SIGKILL");
