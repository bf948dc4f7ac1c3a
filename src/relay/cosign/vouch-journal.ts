import type { Hotkey } from "../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import { WINDOW_ROUNDS } from "./journal-operations.ts";

/** A hotkey's one signature of an author's nonce. */
export interface VouchKey {
  readonly chain: string;
  readonly hotkey: Hotkey;
  readonly netuid: number;
  readonly author: Hotkey;
  readonly nonce: string;
}

export interface VouchEntry extends VouchKey {
  readonly roundId: number;
  readonly signedHash: string;
}

/** As `JournalAnswer`: `taken` where another payload of that nonce was signed, `expired` where its entry may be gone. */
export type VouchAnswer = {
  readonly kind: "recorded" | "taken" | "expired";
  /** Null until it was stored. */
  readonly signature: string | null;
};

/**
 * What was signed of others' memories: one payload of a nonce, ever, on disk before the key signs. Rounds are no limit
 * here, since any number of memories may be published in one; the gateway takes one payload of a nonce, too.
 */
export function vouchOperations(database: SqliteDatabase) {
  const at = "chain = @chain AND hotkey = @hotkey AND netuid = @netuid";
  const find = database.prepare<[VouchKey], { signed_hash: string; signature: string | null }>(
    `SELECT signed_hash, signature FROM vouch_journal WHERE ${at} AND author = @author AND nonce = @nonce`,
  );
  const newest = database
    .prepare<[VouchKey], number | null>(`SELECT max(round_id) FROM vouch_journal WHERE ${at}`)
    .pluck();
  const insert = database.prepare<object>(
    `INSERT INTO vouch_journal (chain, hotkey, netuid, author, nonce, round_id, signed_hash, at)
     VALUES (@chain, @hotkey, @netuid, @author, @nonce, @roundId, @signedHash, @now)`,
  );
  const store = database.prepare<object>(
    `UPDATE vouch_journal SET signature = @signature
     WHERE ${at} AND author = @author AND nonce = @nonce AND signed_hash = @signedHash AND signature IS NULL`,
  );
  const forget = database.prepare(
    `DELETE FROM vouch_journal WHERE round_id < (SELECT max(round_id) - ${WINDOW_ROUNDS} FROM vouch_journal j
       WHERE j.chain = vouch_journal.chain AND j.hotkey = vouch_journal.hotkey AND j.netuid = vouch_journal.netuid)`,
  );
  return {
    reads: {
      /** What was signed of the nonce before; null so far. */
      vouched: (key: VouchKey): { readonly signedHash: string; readonly signature: string | null } | null => {
        const found = find.get(key);
        return found ? { signedHash: found.signed_hash, signature: found.signature } : null;
      },
    },
    writes: {
      recordVouching: (entry: VouchEntry & { readonly now: number }): VouchAnswer => {
        const found = find.get(entry);
        if (found && found.signed_hash !== entry.signedHash) return { kind: "taken", signature: null };
        if (found) return { kind: "recorded", signature: found.signature };
        if (entry.roundId < (newest.get(entry) ?? 0) - WINDOW_ROUNDS) return { kind: "expired", signature: null };
        insert.run(entry);
        return { kind: "recorded", signature: null };
      },
      /** Returns the signature that stands: that of whoever stored one first. */
      storeVouching: (input: VouchEntry & { readonly signature: string }): string => {
        store.run(input);
        return find.get(input)?.signature ?? input.signature;
      },
      forgetOldVouchings: (): void => {
        forget.run();
      },
    },
  };
}
