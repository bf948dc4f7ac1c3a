import { nodeDataFiles } from "../node/data-files.ts";
import type { Migrations } from "../node/runtime/sqlite.ts";
import { gatewayMigrations } from "../relay/gateway/gateway-schema.ts";
import { outboxMigrations } from "../relay/outbox/outbox-schema.ts";
import { ledgerMigrations } from "../relay/payment/ledger-schema.ts";
import { historyMigrations } from "./dashboard/history/history-schema.ts";
import { callMigrations } from "./payments/call-operations.ts";

/** What lies in each SQLite file of a data folder, whichever process wrote it, by the file's name. */
export const dataFiles: Readonly<Record<string, Migrations>> = {
  ...nodeDataFiles,
  "relay.sqlite": outboxMigrations,
  "payments.sqlite": ledgerMigrations,
  "gateway.sqlite": gatewayMigrations,
  "mcp-payments.sqlite": callMigrations,
  "dashboard.sqlite": historyMigrations,
};
