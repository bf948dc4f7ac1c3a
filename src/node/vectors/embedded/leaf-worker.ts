import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { vectorStoreMigrations } from "./embedded-schema.ts";
import { PublicLeaves } from "./public-leaves.ts";

/** What the leaf worker answers. */
export interface LeafOperations {
  readonly reads: {
    readonly snapshot: (leaf: Parameters<PublicLeaves["snapshot"]>[0] | null) => ReturnType<PublicLeaves["snapshot"]>;
  };
  readonly writes: Readonly<Record<string, never>>;
}

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, vectorStoreMigrations);
  const leaves = new PublicLeaves(database);
  const operations: LeafOperations = { reads: { snapshot: (leaf) => leaves.snapshot(leaf ?? undefined) }, writes: {} };
  return { database, operations };
});
