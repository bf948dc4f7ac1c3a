import { EngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { PUBLIC_NAMESPACE } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import { epochOperations } from "./epoch-operations.ts";
import type { Attestation, ClaimOutcome } from "./namespace-registry.ts";

/** @public The declarations of the package name it, and the two below. */
export interface Named {
  readonly name: string;
}
/** @public */
export interface Claim extends Named {
  readonly hotkey: Hotkey;
  readonly now: number;
}
/** @public */
export interface Keyed extends Named {
  readonly verifier: Uint8Array;
}

/** The registry's operations on the database of a store worker that also keeps the records. */
export function createRegistryOperations(database: SqliteDatabase) {
  const owners = ownerOperations(database);
  const keys = keyOperations(database);
  const epochs = epochOperations(database);
  const names = database
    .prepare<[string, string, number], string>(
      `SELECT name FROM namespace_owner WHERE name > ? AND deleted_at IS NULL UNION
      SELECT name FROM namespace_key WHERE name > ? AND deleted_at IS NULL ORDER BY name LIMIT ?`,
    )
    .pluck();
  return {
    reads: {
      ...owners.reads,
      ...keys.reads,
      ...epochs.reads,
      namespaceNames: ({ after, limit }: { readonly after: string; readonly limit: number }): readonly string[] =>
        names.all(after, after, limit),
    },
    writes: { ...owners.writes, ...keys.writes, ...epochs.writes },
  };
}

export type RegistryOperations = ReturnType<typeof createRegistryOperations>;

/** So many namespaces of one owner are looked into: nobody who has more can make a request cost more. */
const OWNED_LOOKED_INTO = 10_000;
const MOST_HOLDING = 100;

function ownerOperations(database: SqliteDatabase) {
  const statements = {
    // A name with a key has no owner, now or ever.
    insert: database.prepare<[string, string, number, string]>(
      `INSERT INTO namespace_owner (name, owner, created_at) SELECT ?, ?, ?
      WHERE NOT EXISTS (SELECT 1 FROM namespace_key WHERE name = ?) ON CONFLICT DO NOTHING`,
    ),
    revive: database.prepare<[number, string, string]>(
      `UPDATE namespace_owner SET deleted_at = NULL, created_at = ?
      WHERE name = ? AND owner = ? AND deleted_at IS NOT NULL`,
    ),
    lastOwner: database.prepare<[string], Hotkey>("SELECT owner FROM namespace_owner WHERE name = ?").pluck(),
    owner: database
      .prepare<[string], Hotkey>("SELECT owner FROM namespace_owner WHERE name = ? AND deleted_at IS NULL")
      .pluck(),
    // From the owner's names to the records: the other way round strangers' copies would be read as well.
    holding: database
      .prepare<[string, number, string, number], string>(
        `SELECT own.name FROM
        (SELECT name FROM namespace_owner WHERE owner = ? AND deleted_at IS NULL LIMIT ?) AS own
        CROSS JOIN record ON record.cid = ? AND record.namespace = own.name LIMIT ?`,
      )
      .pluck(),
    change: database.prepare<[string, string, string]>(
      "UPDATE namespace_owner SET owner = ? WHERE name = ? AND owner = ? AND deleted_at IS NULL",
    ),
    end: database.prepare<[number, string, string]>(
      "UPDATE namespace_owner SET deleted_at = ? WHERE name = ? AND owner = ? AND deleted_at IS NULL",
    ),
    attest: database.prepare<[string, string, number]>(
      `INSERT INTO namespace_attestation (name, owner, attested_at) VALUES (?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, attested_at = excluded.attested_at`,
    ),
    attestation: database.prepare<[string], Attestation>(
      `SELECT a.owner, a.attested_at AS attestedAt FROM namespace_attestation AS a
      JOIN namespace_owner AS o ON o.name = a.name AND o.owner = a.owner AND o.deleted_at IS NULL WHERE a.name = ?`,
    ),
    dropAttestation: database.prepare<[string]>("DELETE FROM namespace_attestation WHERE name = ?"),
    // Its epoch stays: what was granted before comes back with nobody.
    dropLetters: database.prepare<[string]>("DELETE FROM namespace_letter WHERE name = ?"),
    purge: purgeOf(database),
  };
  return {
    reads: {
      ownerOf: ({ name }: Named): Hotkey | null => statements.owner.get(name) ?? null,
      ownedHolding: ({ cid, owner }: { readonly cid: string; readonly owner: Hotkey }): readonly string[] =>
        statements.holding.all(owner, OWNED_LOOKED_INTO, cid, MOST_HOLDING),
      attestationOf: ({ name }: Named): Attestation | null => statements.attestation.get(name) ?? null,
    },
    writes: {
      claimNamespace: ({ name, hotkey, now }: Claim): ClaimOutcome => {
        refuseReserved(name);
        const created =
          statements.insert.run(name, hotkey, now, name).changes + statements.revive.run(now, name, hotkey).changes > 0;
        return { owner: statements.lastOwner.get(name) ?? null, created };
      },
      changeOwner: ({ name, from, to }: Named & { readonly from: Hotkey; readonly to: Hotkey }): boolean => {
        if (statements.change.run(to, name, from).changes === 0) return false;
        statements.dropAttestation.run(name);
        statements.dropLetters.run(name);
        return true;
      },
      deleteOwned: (
        { name, owner, now }: Named & { readonly owner: Hotkey; readonly now: number },
        context: WriteContext,
      ): boolean => {
        if (statements.end.run(now, name, owner).changes === 0) return false;
        statements.dropAttestation.run(name);
        statements.dropLetters.run(name);
        statements.purge(name, context);
        return true;
      },
      attest: ({ name, hotkey, now }: Claim): void => {
        statements.attest.run(name, hotkey, now);
      },
    },
  };
}

/** Namespaces of the old scheme: a verifier in place of an owner. */
function keyOperations(database: SqliteDatabase) {
  const statements = {
    insert: database.prepare<[string, Uint8Array, number, string]>(
      `INSERT INTO namespace_key (name, verifier, created_at) SELECT ?, ?, ?
      WHERE NOT EXISTS (SELECT 1 FROM namespace_owner WHERE name = ?) ON CONFLICT DO NOTHING`,
    ),
    verifier: database
      .prepare<[string], Uint8Array>("SELECT verifier FROM namespace_key WHERE name = ? AND deleted_at IS NULL")
      .pluck(),
    replace: database.prepare<[Uint8Array, string]>(
      "UPDATE namespace_key SET verifier = ? WHERE name = ? AND deleted_at IS NULL",
    ),
    end: database.prepare<[number, string]>(
      "UPDATE namespace_key SET deleted_at = ?, verifier = x'' WHERE name = ? AND deleted_at IS NULL",
    ),
    purge: purgeOf(database),
  };
  return {
    reads: {
      verifierOf: ({ name }: Named): Uint8Array | null => statements.verifier.get(name) ?? null,
    },
    writes: {
      createKeyed: ({ name, verifier, now }: Keyed & { readonly now: number }): boolean => {
        refuseReserved(name);
        return statements.insert.run(name, verifier, now, name).changes === 1;
      },
      replaceVerifier: ({ name, verifier }: Keyed): boolean => statements.replace.run(verifier, name).changes === 1,
      deleteKeyed: ({ name, now }: Named & { readonly now: number }, context: WriteContext): boolean => {
        if (statements.end.run(now, name).changes === 0) return false;
        statements.purge(name, context);
        return true;
      },
    },
  };
}

/** In the same transaction as the tombstone: whoever came to the name later would else come to the records. */
function purgeOf(database: SqliteDatabase): (name: string, context: WriteContext) => void {
  const remove = database.prepare<[string]>("DELETE FROM record WHERE namespace = ?");
  return (name, context) => {
    if (remove.run(name).changes > 0) context.eraseLog();
  };
}

function refuseReserved(name: string): void {
  if (name !== PUBLIC_NAMESPACE && name !== "") return;
  throw new EngramError("NAMESPACE_RESERVED", "the public space has no owner", { fix: "name a namespace" });
}
