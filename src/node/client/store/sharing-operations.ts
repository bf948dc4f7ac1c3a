import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { asStored, type NamespaceRow, type StoredNamespace } from "./namespace-operations.ts";

/** A namespace that another wallet shares with this one. */
export interface SharedNamespace extends StoredNamespace {
  readonly owner: string;
  readonly grantId: string;
  /** The letter of its owner, sealed to this wallet. */
  readonly sealed: string;
  readonly expiresAt: number;
  /** Unix milliseconds of the last time its records were read; null: not yet, so the join is not over. */
  readonly syncedAt: number | null;
}

/** Whom this wallet lets read a namespace of its own. Times are unix milliseconds. */
export interface GivenGrant {
  readonly id: string;
  /** Its shown name. */
  readonly namespace: string;
  readonly reader: Hotkey;
  /** X25519, 64 hex digits. */
  readonly readerKey: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

export interface JoinNamespace {
  readonly name: string;
  readonly wireName: string;
  readonly owner: string;
  readonly grantId: string;
  readonly sealed: string;
  readonly epoch: number;
  readonly expiresAt: number;
  readonly now: number;
}

type NewLetter = Pick<JoinNamespace, "wireName" | "owner" | "grantId" | "sealed" | "epoch" | "expiresAt">;

type SharedRow = NamespaceRow & {
  readonly grant_id: string;
  readonly sealed: string;
  readonly expires_at: number;
  readonly synced_at: number | null;
};

/** Both sides of sharing: what others share with this wallet, and what it shares. */
export function sharingOperations(database: SqliteDatabase) {
  const shared = database.prepare<[], SharedRow>(
    `SELECT n.*, s.grant_id, s.sealed, s.expires_at, s.synced_at
     FROM shared_namespace s JOIN namespace n ON n.id = s.namespace ORDER BY n.name`,
  );
  const used = database.prepare<[string], number>("SELECT 1 FROM joined_grant WHERE id = ?").pluck();
  const byName = database.prepare<[string], NamespaceRow>("SELECT * FROM namespace WHERE name = ?");
  const byWireName = database.prepare<[string], NamespaceRow>("SELECT * FROM namespace WHERE wire_name = ?");
  const insert = database.prepare(
    `INSERT INTO namespace (name, wire_name, visibility, epoch, created_at, owner)
     VALUES (@name, @wireName, 'private', @epoch, @now, @owner)`,
  );
  const keep = database.prepare(
    `INSERT INTO shared_namespace (namespace, grant_id, sealed, epoch, expires_at)
     SELECT id, @grantId, @sealed, @epoch, @expiresAt FROM namespace WHERE wire_name = @wireName AND owner = @owner
     ON CONFLICT (namespace) DO UPDATE SET grant_id = @grantId, sealed = @sealed, epoch = @epoch, expires_at = @expiresAt
     WHERE excluded.epoch >= shared_namespace.epoch`,
  );
  const setEpoch = database.prepare("UPDATE namespace SET epoch = max(epoch, @epoch) WHERE wire_name = @wireName");
  const synced = database.prepare("UPDATE shared_namespace SET synced_at = ? WHERE namespace = ?");
  const use = database.prepare("INSERT OR IGNORE INTO joined_grant (id) VALUES (?)");
  const leave = database.prepare("DELETE FROM shared_namespace WHERE namespace = ?");
  const drop = database.prepare(
    `DELETE FROM namespace WHERE id = ? AND owner IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.namespace = namespace.id)`,
  );
  const given = database.prepare<[], GivenGrant>(
    `SELECT g.id, n.name AS namespace, g.reader, g.reader_key AS readerKey, g.issued_at AS issuedAt,
       g.expires_at AS expiresAt, g.ended_at AS endedAt
     FROM given_grant g JOIN namespace n ON n.id = g.namespace ORDER BY g.issued_at, g.id`,
  );
  const replace = database.prepare("DELETE FROM given_grant WHERE namespace = ? AND reader = ?");
  const give = database.prepare(
    "INSERT INTO given_grant (id, namespace, reader, reader_key, issued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const end = database.prepare(
    "UPDATE given_grant SET ended_at = ? WHERE id = ? AND namespace = ? AND ended_at IS NULL",
  );
  const advance = database.prepare("UPDATE namespace SET epoch = epoch + 1 WHERE id = ? AND owner IS NULL");
  const epochs = database.prepare<[], NamespaceRow>(
    "SELECT * FROM namespace WHERE epoch > 0 AND owner IS NULL AND visibility = 'private'",
  );
  const told = database
    .prepare<[number, number], string>("SELECT miner_hotkey FROM epoch_told WHERE namespace = ? AND epoch >= ?")
    .pluck();
  const tell = database.prepare(
    `INSERT INTO epoch_told (namespace, miner_hotkey, epoch) VALUES (?, ?, ?)
     ON CONFLICT (namespace, miner_hotkey) DO UPDATE SET epoch = max(epoch, excluded.epoch)`,
  );

  return {
    reads: {
      sharedNamespaces: (_: null): readonly SharedNamespace[] =>
        shared.all().map((row) => ({
          ...asStored(row),
          owner: row.owner ?? "",
          grantId: row.grant_id,
          sealed: row.sealed,
          expiresAt: row.expires_at,
          syncedAt: row.synced_at,
        })),
      grantWasUsed: (id: string): boolean => used.get(id) !== undefined,
      givenGrants: (_: null): readonly GivenGrant[] => given.all(),
      /** Own namespaces beyond their first epoch, and the miners that know of the present one. */
      epochs: (_: null): readonly (StoredNamespace & { readonly told: readonly string[] })[] =>
        epochs.all().map((row) => ({ ...asStored(row), told: told.all(row.id, row.epoch) })),
    },
    writes: {
      /** `taken`: the name is that of another namespace here; `own`: it is this wallet's own. */
      joinNamespace: (join: JoinNamespace): "joined" | "taken" | "own" => {
        const known = byWireName.get(join.wireName);
        if (known && known.owner !== join.owner) return "own";
        if (!known) {
          if (byName.get(join.name)) return "taken";
          insert.run(pick(join, "name", "wireName", "epoch", "now", "owner"));
        }
        keepLetter(join);
        return "joined";
      },
      /** A newer letter of the owner; an older one changes nothing. */
      keepLetter,
      noteSynced: ({
        namespace,
        grantId,
        now,
      }: {
        readonly namespace: number;
        readonly grantId: string;
        readonly now: number;
      }): void => {
        synced.run(now, namespace);
        use.run(grantId);
      },
      /** What was in it must be dropped before. */
      leaveNamespace: ({ namespace, grantId }: { readonly namespace: number; readonly grantId: string }): void => {
        use.run(grantId);
        leave.run(namespace);
        drop.run(namespace);
      },
      /** In place of an earlier one of this reader. */
      giveGrant: (grant: Omit<GivenGrant, "endedAt">): void => {
        const row = byName.get(grant.namespace);
        if (!row || row.owner !== null) return;
        replace.run(row.id, grant.reader);
        give.run(grant.id, row.id, grant.reader, grant.readerKey, grant.issuedAt, grant.expiresAt);
      },
      /** Ends these grants and begins the namespace's next epoch, in one step: what is written from now on is not for them. */
      beginEpoch: ({
        namespace,
        ids,
        now,
      }: {
        readonly namespace: number;
        readonly ids: readonly string[];
        readonly now: number;
      }): void => {
        for (const id of ids) end.run(now, id, namespace);
        advance.run(namespace);
      },
      noteTold: ({
        namespace,
        epoch,
        hotkey,
      }: {
        readonly namespace: number;
        readonly epoch: number;
        readonly hotkey: string;
      }): void => {
        tell.run(namespace, hotkey, epoch);
      },
    },
  };

  function keepLetter(letter: NewLetter): void {
    keep.run(pick(letter, "wireName", "owner", "grantId", "sealed", "epoch", "expiresAt"));
    setEpoch.run(pick(letter, "wireName", "epoch"));
  }
}

/** A statement refuses names that it does not use. */
function pick<T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
