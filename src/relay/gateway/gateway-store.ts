import { join } from "node:path";
import { StoreWorker } from "../../node/runtime/store-worker.ts";
import { workerUrl } from "../../node/runtime/worker-url.ts";
import type { GatewayOperations } from "./gateway-operations.ts";

export type GatewayStore = StoreWorker<GatewayOperations>;

/** Where a gateway's hotkey lies in its folder. */
export function identityFolder(folder: string): string {
  return join(folder, "identity");
}

/** What the store's thread is told. */
export interface GatewayWorkerData extends GatewayStoreOptions {
  readonly path: string;
  readonly folder: string;
}

export interface GatewayStoreOptions {
  /** Opens it also when the folder's key is not the one that signs the receipts: to begin a new ledger. */
  readonly anyKey: boolean;
}

/** Opens a gateway's folder: its submissions, receipts and payments. */
export function openGatewayStore(folder: string, options: GatewayStoreOptions = { anyKey: false }): GatewayStore {
  const workerData: GatewayWorkerData = { path: join(folder, "gateway.sqlite"), folder, ...options };
  return new StoreWorker({ url: workerUrl("gateway-worker", import.meta.url), workerData });
}
