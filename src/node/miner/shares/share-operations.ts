import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";

/** A share as the miner keeps it. */
export interface KeptShare {
  readonly namespace: string;
  readonly epoch: number;
  readonly owner: Hotkey;
  readonly index: number;
  /** An envelope to the miner's own key. */
  readonly sealed: string;
  /** JSON text. */
  readonly manifest: string;
  readonly manifestSignature: string;
}

/**
 * `lower`: a newer epoch is held; `taken`: this epoch holds another share; `full`: the owner has as many shares here
 * as one may have.
 */
export type KeepOutcome = "kept" | "lower" | "taken" | "full";

/** Namespaces of one owner: who wants more asks more miners. */
const SHARES_PER_OWNER = 1_000;

interface Row {
  readonly namespace: string;
  readonly epoch: number;
  readonly owner: Hotkey;
  readonly share_index: number;
  readonly sealed: string;
  readonly manifest: string;
  readonly manifest_signature: string;
}

/** What a share store's worker does, on a database with `shareMigrations`. */
export function createShareOperations(database: SqliteDatabase) {
  const held = database.prepare<[string], Row>("SELECT * FROM share WHERE namespace = ? ORDER BY epoch DESC");
  const ofOwner = database.prepare<[string], number>("SELECT count(*) FROM share WHERE owner = ?").pluck();
  const insert = database.prepare(
    `INSERT INTO share (namespace, epoch, owner, share_index, sealed, manifest, manifest_signature, stored_at)
     VALUES (@namespace, @epoch, @owner, @index, @sealed, @manifest, @manifestSignature, @now)`,
  );
  const drop = database.prepare("DELETE FROM share WHERE namespace = ? AND epoch < ? AND epoch <> ?");
  const dropOlder = database.prepare("DELETE FROM share WHERE namespace = ? AND owner = ? AND epoch < ?");

  return {
    reads: {
      /** The newest epoch first. */
      held: ({ namespace, owner }: { readonly namespace: string; readonly owner: Hotkey }): readonly KeptShare[] =>
        held
          .all(namespace)
          .filter((row) => row.owner === owner)
          .map(({ share_index, manifest_signature, ...row }) => ({
            ...row,
            index: share_index,
            manifestSignature: manifest_signature,
          })),
    },
    writes: {
      /** Keeps the share, and of older ones that of `keepEpoch` alone; the same share again changes nothing. */
      keep: (
        { share, keepEpoch, now }: { readonly share: KeptShare; readonly keepEpoch: number; readonly now: number },
        context: WriteContext,
      ): KeepOutcome => {
        const newest = held.get(share.namespace);
        if (newest && newest.epoch > share.epoch) return "lower";
        if (newest?.epoch === share.epoch) {
          return newest.manifest === share.manifest && newest.share_index === share.index ? "kept" : "taken";
        }
        if (drop.run(share.namespace, share.epoch, keepEpoch).changes > 0) context.eraseLog();
        if ((ofOwner.get(share.owner) ?? 0) >= SHARES_PER_OWNER) return "full";
        insert.run({ ...share, now });
        return "kept";
      },
      /** Drops what is older than `epoch`, also where nothing newer is: its owner has other holders now. */
      commit: (
        { namespace, owner, epoch }: { readonly namespace: string; readonly owner: Hotkey; readonly epoch: number },
        context: WriteContext,
      ): void => {
        if (dropOlder.run(namespace, owner, epoch).changes > 0) context.eraseLog();
      },
    },
  };
}

export type ShareOperations = ReturnType<typeof createShareOperations>;
