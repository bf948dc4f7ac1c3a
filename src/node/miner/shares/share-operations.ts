import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import type { KeptShare, ShareCipher } from "./share-cipher.ts";

/**
 * `lower`: a newer epoch is held, or this one was revoked; `taken`: this epoch holds another share; `full`: the owner
 * has as many shares here as one may have.
 */
export type KeepOutcome = "kept" | "lower" | "taken" | "full";

/** Namespaces of one owner: who wants more asks more miners. */
const SHARES_PER_OWNER = 1_000;

interface Row {
  readonly namespace_place: Buffer;
  readonly content: Buffer;
}

/** What a share store's worker does, on a database with `shareMigrations`. */
export function createShareOperations(database: SqliteDatabase, cipher: ShareCipher) {
  const kept = database.prepare<[Buffer], Row>("SELECT namespace_place, content FROM kept WHERE namespace_place = ?");
  const ofOwner = database
    .prepare<[Buffer], number>("SELECT count(DISTINCT namespace_place) FROM kept WHERE owner_place = ?")
    .pluck();
  const insert = database.prepare(
    "INSERT INTO kept (epoch_place, namespace_place, owner_place, content) VALUES (?, ?, ?, ?)",
  );
  const drop = database.prepare("DELETE FROM kept WHERE epoch_place = ?");
  const floor = database.prepare<[Buffer, Buffer], Row>(
    "SELECT namespace_place, content FROM epoch_floor WHERE namespace_place = ? AND owner_place = ?",
  );
  const floorsOfOwner = database
    .prepare<[Buffer], number>("SELECT count(*) FROM epoch_floor WHERE owner_place = ?")
    .pluck();
  const setFloor = database.prepare(
    "INSERT OR REPLACE INTO epoch_floor (namespace_place, owner_place, content) VALUES (?, ?, ?)",
  );

  /** The newest epoch first. */
  const sharesOf = (namespace: string): readonly KeptShare[] =>
    kept
      .all(cipher.place(namespace))
      .map(({ namespace_place, content }) => cipher.openShare(content, namespace_place))
      .sort((left, right) => right.epoch - left.epoch);

  const floorOf = (namespace: string, owner: Hotkey): number => {
    const row = floor.get(cipher.place(namespace), cipher.ownerPlace(owner));
    return row ? cipher.openFloor(row.content, row.namespace_place) : 0;
  };

  function dropThose(shares: readonly KeptShare[], context: WriteContext): void {
    for (const { namespace, epoch } of shares) drop.run(cipher.place(namespace, epoch));
    if (shares.length > 0) context.eraseLog();
  }

  return {
    reads: {
      /** The owner's shares of the namespace, the newest epoch first. */
      held: ({ namespace, owner }: { readonly namespace: string; readonly owner: Hotkey }): readonly KeptShare[] =>
        sharesOf(namespace).filter((share) => share.owner === owner),
    },
    writes: {
      /** Keeps the share, and of older ones that of `keepEpoch` alone; the same share again changes nothing. */
      keep: (
        { share, keepEpoch }: { readonly share: KeptShare; readonly keepEpoch: number },
        context: WriteContext,
      ): KeepOutcome => {
        const { namespace, epoch, owner } = share;
        const before = sharesOf(namespace);
        const [newest] = before;
        if ((newest && newest.epoch > epoch) || epoch < floorOf(namespace, owner)) return "lower";
        if (newest?.epoch === epoch) {
          return newest.manifest === share.manifest && newest.index === share.index ? "kept" : "taken";
        }
        const stale = before.filter((old) => old.epoch !== keepEpoch);
        dropThose(stale, context);
        const isNew = stale.length === before.length;
        if (isNew && (ofOwner.get(cipher.ownerPlace(owner)) ?? 0) >= SHARES_PER_OWNER) return "full";
        const places = [cipher.place(namespace, epoch), cipher.place(namespace), cipher.ownerPlace(owner)];
        insert.run(...places, cipher.sealShare(share));
        return "kept";
      },
      /**
       * Drops what is older than `epoch`, also where nothing newer is: its owner has other holders now, or none. With
       * `remember`, older ones are not taken again either.
       */
      commit: (
        input: {
          readonly namespace: string;
          readonly owner: Hotkey;
          readonly epoch: number;
          readonly remember: boolean;
        },
        context: WriteContext,
      ): void => {
        const { namespace, owner, epoch, remember } = input;
        dropThose(
          sharesOf(namespace).filter((share) => share.owner === owner && share.epoch < epoch),
          context,
        );
        if (!remember || floorOf(namespace, owner) >= epoch) return;
        const ownerPlace = cipher.ownerPlace(owner);
        if ((floorsOfOwner.get(ownerPlace) ?? 0) >= SHARES_PER_OWNER) return;
        setFloor.run(cipher.place(namespace), ownerPlace, cipher.sealFloor({ namespace, floor: epoch }));
      },
    },
  };
}

export type ShareOperations = ReturnType<typeof createShareOperations>;
