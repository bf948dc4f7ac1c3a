import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { ValidatorOperations } from "./validator-operations.ts";

/** What a validator remembers, in a SQLite file of its own, opened by the first call. */
export type ValidatorStore = StoreWorker<ValidatorOperations>;

export function openValidatorStore(path: string): ValidatorStore {
  return new StoreWorker({ url: workerUrl("validator-store-worker", import.meta.url), workerData: { path } });
}
