import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { PermittedSet, PermittedValidator } from "../quorum.ts";

export interface Epoch {
  readonly chain: string;
  readonly netuid: number;
  readonly epoch: number;
}

interface PermittedRow {
  readonly block: number;
  readonly hash: string;
  readonly validators: string;
}

/** The kept sets of validators, one an epoch: the first one that was read stays. */
export function permittedOperations(database: SqliteDatabase) {
  const find = database.prepare<Epoch, PermittedRow>(
    "SELECT block, hash, validators FROM permitted_set WHERE chain = @chain AND netuid = @netuid AND epoch = @epoch",
  );
  const keep = database.prepare<object>(
    `INSERT INTO permitted_set (chain, netuid, epoch, block, hash, validators)
     VALUES (@chain, @netuid, @epoch, @block, @hash, @validators) ON CONFLICT DO NOTHING`,
  );
  return {
    reads: {
      permittedIn: (epoch: Epoch): PermittedSet | null => {
        const row = find.get(epoch);
        if (!row) return null;
        return { ...row, validators: JSON.parse(row.validators) as readonly PermittedValidator[] };
      },
    },
    writes: {
      keepPermitted: ({ set, ...epoch }: Epoch & { readonly set: PermittedSet }): void => {
        keep.run({ ...epoch, block: set.block, hash: set.hash, validators: JSON.stringify(set.validators) });
      },
    },
  };
}
