import { join } from "node:path";
import { StoreWorker } from "../../node/runtime/store-worker.ts";
import { workerUrl } from "../../node/runtime/worker-url.ts";
import type { OutboxOperations } from "./outbox-operations.ts";

/** Submissions and the sign journal, in one SQLite file so that a signature and its entry are one transaction. */
export type Outbox = StoreWorker<OutboxOperations>;

/** Opens the outbox of a home; several processes may. */
export function openOutbox(home: string): Outbox {
  const path = join(home, "relay.sqlite");
  return new StoreWorker({ url: workerUrl("outbox-worker", import.meta.url), workerData: { path } });
}
