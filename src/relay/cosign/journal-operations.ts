import type { Hotkey } from "../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";

/** A hotkey's one signature of a round. */
export interface JournalKey {
  readonly chain: string;
  readonly hotkey: Hotkey;
  readonly netuid: number;
  readonly roundId: number;
}

export interface JournalEntry extends JournalKey {
  readonly signedHash: string;
  readonly proposer: Hotkey;
}

/** `taken`: another payload of the round was signed. `signature` is null until it was stored. */
export type JournalAnswer =
  | { readonly kind: "recorded"; readonly signature: string | null }
  | { readonly kind: "taken"; readonly signedHash: string };

/**
 * One payload per round, ever (spec 14.2): the entry is on disk before the key signs, so neither a crash nor a second
 * process can make it sign two.
 */
export function journalOperations(database: SqliteDatabase) {
  const find = database.prepare<[JournalKey], { signed_hash: string; signature: string | null }>(
    `SELECT signed_hash, signature FROM sign_journal
     WHERE chain = @chain AND hotkey = @hotkey AND netuid = @netuid AND round_id = @roundId`,
  );
  const insert = database.prepare(
    `INSERT INTO sign_journal (chain, hotkey, netuid, round_id, signed_hash, proposer, at)
     VALUES (@chain, @hotkey, @netuid, @roundId, @signedHash, @proposer, @now)`,
  );
  const store = database.prepare(
    `UPDATE sign_journal SET signature = @signature
     WHERE chain = @chain AND hotkey = @hotkey AND netuid = @netuid AND round_id = @roundId
       AND signed_hash = @signedHash AND signature IS NULL`,
  );

  const record = (entry: JournalEntry & { readonly now: number }): JournalAnswer => {
    const found = find.get(entry);
    if (!found) {
      insert.run(entry);
      return { kind: "recorded", signature: null };
    }
    if (found.signed_hash !== entry.signedHash) return { kind: "taken", signedHash: found.signed_hash };
    return { kind: "recorded", signature: found.signature };
  };

  return {
    reads: {
      /** The signed hash of what was signed in the round; null so far. */
      signedInRound: (key: JournalKey): string | null => find.get(key)?.signed_hash ?? null,
    },
    writes: {
      recordSigning: record,
      /** Returns the signature that stands: that of whoever stored one first. */
      storeSignature: (input: JournalEntry & { readonly signature: string }): string => {
        store.run(input);
        return find.get(input)?.signature ?? input.signature;
      },
    },
  };
}
