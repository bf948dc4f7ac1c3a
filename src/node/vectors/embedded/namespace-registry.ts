import { EngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { PUBLIC_NAMESPACE } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/**
 * Who owns which namespace (spec 6.4). It fails closed: an owner that cannot be read is an error, never "nobody", so
 * that a broken file lets no one take a namespace over.
 */
export interface NamespaceRegistry {
  /** The first claim makes the owner; `created` tells whether this one did. Compare `owner` with the claimant. */
  claimNamespace(
    name: string,
    hotkey: Hotkey,
    now: number,
  ): Promise<{ readonly owner: Hotkey; readonly created: boolean }>;
  /** Null when nobody has claimed it. */
  ownerOf(name: string): Promise<Hotkey | null>;
}

export interface Claim {
  readonly name: string;
  readonly hotkey: Hotkey;
  readonly now: number;
}

/** The registry's operations on a store worker's database. */
export function createRegistryOperations(database: SqliteDatabase) {
  const insert = database.prepare<[string, string, number]>(
    "INSERT INTO namespace_owner (name, owner, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const select = database.prepare<[string], Hotkey>("SELECT owner FROM namespace_owner WHERE name = ?").pluck();
  return {
    reads: {
      ownerOf: ({ name }: { readonly name: string }): Hotkey | null => select.get(name) ?? null,
    },
    writes: {
      claimNamespace: ({ name, hotkey, now }: Claim): { readonly owner: Hotkey; readonly created: boolean } => {
        if (name === PUBLIC_NAMESPACE || name === "") {
          throw new EngramError("NAMESPACE_RESERVED", "the public space has no owner", { fix: "name a namespace" });
        }
        const created = insert.run(name, hotkey, now).changes === 1;
        const owner = select.get(name);
        if (owner === undefined) throw new EngramError("STORE_FAILED", "the namespace's owner cannot be read");
        return { owner, created };
      },
    },
  };
}
