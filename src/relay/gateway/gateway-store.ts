import { join } from "node:path";
import { StoreWorker } from "../../node/runtime/store-worker.ts";
import { workerUrl } from "../../node/runtime/worker-url.ts";
import type { GatewayOperations } from "./gateway-operations.ts";

export type GatewayStore = StoreWorker<GatewayOperations>;

/** Where a gateway's hotkey lies in its folder. */
export function identityFolder(folder: string): string {
  return join(folder, "identity");
}

/** Opens a gateway's folder: its submissions, receipts and payments. */
export function openGatewayStore(folder: string): GatewayStore {
  const workerData = { path: join(folder, "gateway.sqlite"), identity: identityFolder(folder) };
  return new StoreWorker({ url: workerUrl("gateway-worker", import.meta.url), workerData });
}
