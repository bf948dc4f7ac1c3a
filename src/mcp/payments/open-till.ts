import { join } from "node:path";
import { systemClock } from "../../node/runtime/clock.ts";
import { createLogger } from "../../node/runtime/logger.ts";
import { StoreWorker } from "../../node/runtime/store-worker.ts";
import { workerUrl } from "../../node/runtime/worker-url.ts";
import { openSettlement } from "../../relay/gateway/payment-settlement.ts";
import type { CallOperations } from "./call-operations.ts";
import type { PriceList } from "./price-list.ts";
import { Till } from "./till.ts";

/**
 * Opens the till of a server in `folder`, with everything that moves money checked. `listening` is where the server
 * listens. Errors: those of `openSettlement`.
 */
export async function openTill(folder: string, list: PriceList, listening: string, level: string): Promise<Till> {
  const settlement = await openSettlement(folder, list.settlement);
  const path = join(folder, "mcp-payments.sqlite");
  const store = new StoreWorker<CallOperations>({
    url: workerUrl("call-worker", import.meta.url),
    workerData: { path },
  });
  const till = new Till(list, {
    ...{ store, settlement, origin: list.origin ?? new URL(listening).origin },
    ...{ clock: systemClock, log: createLogger({ level }) },
  });
  await till.sweep();
  return till;
}
