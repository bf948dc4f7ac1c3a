import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { createValidatorOperations } from "../../src/node/validator/store/validator-operations.ts";
import { validatorMigrations } from "../../src/node/validator/store/validator-schema.ts";
import type { ValidatorStore } from "../../src/node/validator/store/validator-store.ts";

/** The validator's own operations on a database of its own at `path`, on this thread: hundreds of them start at once. */
export async function validatorStoreHere(path: string): Promise<ValidatorStore> {
  const database = await openDatabase(path, validatorMigrations);
  // Nothing here outlives the process.
  database.pragma("synchronous = OFF");
  const { reads, writes } = createValidatorOperations(database);
  const operations: Readonly<Record<string, (input: never) => unknown>> = { ...reads, ...writes };
  const call = async (name: string, input: never) => database.transaction(() => operations[name]?.(input))();
  const close = async () => void database.close();
  return { call, [Symbol.asyncDispose]: close } as unknown as ValidatorStore;
}
