import { EngramError } from "../../../crypto/errors.ts";
import type { ArchiveTag, SignedUpload } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import type { Memory } from "../memory.ts";
import { contentAppender } from "./content.ts";
import { memoryLookup } from "./memory-lookup.ts";
import { asMemory, readContent } from "./memory-rows.ts";
import { type StoreMemories, type StoreMemoriesResult, storeMemories } from "./store-memories.ts";

/** `waiting` for a price and a signature, `signed` and to be sent, `sent` and not yet deep enough in the chain. */
export type ArchiveState = "waiting" | "signed" | "sent" | "confirmed" | "failed";

/** An upload as it stands in the database. */
export interface ArchiveRow {
  readonly memoryId: string;
  readonly contentCid: string;
  readonly bytes: number;
  readonly state: ArchiveState;
  readonly transactionId: string | null;
  readonly maxWinston: number;
  readonly winston: number | null;
  readonly attempts: number;
  readonly signedAt: number | null;
  /** An error's code. */
  readonly lastError: string | null;
}

/** What an uploader needs of a row that is due. */
export interface DueArchive extends ArchiveRow {
  readonly tags: readonly ArchiveTag[];
  readonly header: string | null;
}

/** What the day's money allows and has spent, in winston. */
export interface DayLimit {
  readonly day: string;
  readonly dailyWinston: number;
}

export interface StoreArchived {
  readonly memory: StoreMemories;
  /** SHA-256 of namespace and file. */
  readonly digest: Uint8Array;
  readonly contentCid: string;
  readonly bytes: number;
  readonly tags: readonly ArchiveTag[];
  readonly maxWinston: number;
  /** Absent: the gateway did not answer, and it is signed later. */
  readonly signed?: SignedUpload & DayLimit;
}

export interface ArchiveProgress {
  readonly memoryId: string;
  /** Absent: as it is. */
  readonly state?: ArchiveState;
  readonly nextAt: number;
  /** An error's code; its absence means that the step succeeded. */
  readonly error?: string;
}

const COLUMNS = `a.memory_id AS memoryId, a.content_cid AS contentCid, a.bytes, a.state, a.transaction_id AS transactionId,
  a.max_winston AS maxWinston, a.winston, a.attempts, a.signed_at AS signedAt, a.last_error AS lastError`;

/** Uploads beside the memories they belong to. What is signed is on disk before anybody sends it. */
export function archiveOperations(database: SqliteDatabase) {
  const lookup = memoryLookup(database);
  const store = storeMemories(database);
  const append = contentAppender(database);
  const spending = spendingOf(database);
  const insert = database.prepare(
    `INSERT INTO archive (memory_id, namespace, digest, content_cid, bytes, state, request, header, transaction_id,
       max_winston, winston, next_at, signed_at)
     SELECT @memoryId, m.namespace, @digest, @contentCid, @bytes, @state, @request, @header, @transactionId,
       @maxWinston, @winston, @now, @signedAt FROM memory m WHERE m.id = @memoryId`,
  );
  const byDigest = database.prepare<[Uint8Array], ArchiveRow>(`SELECT ${COLUMNS} FROM archive a WHERE a.digest = ?`);
  const byMemory = database.prepare<[string], ArchiveRow>(`SELECT ${COLUMNS} FROM archive a WHERE a.memory_id = ?`);
  const newest = database.prepare<[number], ArchiveRow>(
    `SELECT ${COLUMNS} FROM archive a ORDER BY a.rowid DESC LIMIT ?`,
  );
  const due = database.prepare<
    [number, number],
    ArchiveRow & { readonly request: string; readonly header: string | null }
  >(
    `SELECT ${COLUMNS}, CAST(r.bytes AS TEXT) AS request, CAST(h.bytes AS TEXT) AS header FROM archive a
       JOIN content r ON r.id = a.request LEFT JOIN content h ON h.id = a.header
     WHERE a.state IN ('waiting', 'signed', 'sent') AND a.next_at <= ? ORDER BY a.next_at LIMIT ?`,
  );
  const counts = database.prepare<[], { readonly state: ArchiveState; readonly count: number }>(
    "SELECT state, count(*) AS count FROM archive GROUP BY state",
  );
  const cids = database.prepare<[], string>("SELECT DISTINCT content_cid FROM archive").pluck();
  const sign = database.prepare(
    `UPDATE archive SET state = 'signed', header = @header, transaction_id = @transactionId, winston = @winston,
       signed_at = @now, attempts = 0, last_error = NULL, next_at = @now WHERE memory_id = @memoryId AND state = 'waiting'`,
  );
  const progress = database.prepare(
    `UPDATE archive SET state = coalesce(@state, state), next_at = @nextAt, last_error = @error,
       attempts = CASE WHEN @error IS NULL THEN 0 ELSE attempts + 1 END WHERE memory_id = @memoryId`,
  );

  return {
    reads: {
      archiveByDigest: (digest: Uint8Array): ArchiveRow | null => byDigest.get(digest) ?? null,
      /** Null: its memory was forgotten. */
      archiveStateOf: (memoryId: string): ArchiveState | null => byMemory.get(memoryId)?.state ?? null,
      archives: ({ limit }: { readonly limit: number }): readonly ArchiveRow[] => newest.all(limit),
      /** A live memory with the key to its file, and its upload where one is known here. */
      archiveOf: ({ id, now }: { readonly id: string; readonly now: number }) => {
        const row = lookup.find(id);
        if (!row || (row.expires_at !== null && row.expires_at <= now)) return null;
        const memory: Memory = asMemory(row);
        return { memory, archiveKey: readContent(row.content).archiveKey, upload: byMemory.get(row.id) ?? null };
      },
      archivesDue: ({ now, limit }: { readonly now: number; readonly limit: number }): readonly DueArchive[] =>
        due.all(now, limit).map(({ request, ...row }) => ({ ...row, tags: JSON.parse(request) as ArchiveTag[] })),
      archiveCounts: (_: null): Readonly<Partial<Record<ArchiveState, number>>> =>
        Object.fromEntries(counts.all().map(({ state, count }) => [state, count])),
      archivedCids: (_: null): readonly string[] => cids.all(),
      archiveSpent: (day: string): number => spending.of(day),
    },
    writes: {
      /** Memory and upload in one transaction. Throws `ARCHIVE_BUDGET`: then nothing is stored. */
      storeArchived: (input: StoreArchived, context: WriteContext): StoreMemoriesResult => {
        const result = store(input.memory, context);
        const [made] = result.namespaceMissing ? [] : result.stored;
        if (!made || made.deduped) return result;
        const { digest, contentCid, bytes, maxWinston, signed, memory } = input;
        if (signed) spending.spend(signed, signed.winston);
        insert.run({
          ...{ memoryId: made.id, digest, contentCid, bytes, maxWinston, now: memory.now },
          state: signed ? "signed" : "waiting",
          request: append(JSON.stringify(input.tags)),
          header: signed ? append(signed.header) : null,
          transactionId: signed?.transactionId ?? null,
          winston: signed?.winston ?? null,
          signedAt: signed ? memory.now : null,
        });
        return result;
      },
      /** False when it was forgotten, or signed by another process, meanwhile. Throws `ARCHIVE_BUDGET`. */
      signArchive: (input: { readonly memoryId: string; readonly now: number } & SignedUpload & DayLimit): boolean => {
        const { memoryId, transactionId, winston, now } = input;
        if (byMemory.get(memoryId)?.state !== "waiting") return false;
        spending.spend(input, winston);
        sign.run({ memoryId, transactionId, winston, now, header: append(input.header) });
        return true;
      },
      archiveProgress: ({ memoryId, nextAt, ...step }: ArchiveProgress): void => {
        progress.run({ memoryId, nextAt, state: step.state ?? null, error: step.error ?? null });
      },
    },
  };
}

/** What archiving spent, by the UTC day. */
function spendingOf(database: SqliteDatabase) {
  const spent = database.prepare<[string], number>("SELECT winston FROM archive_spending WHERE day = ?").pluck();
  const add = database.prepare(
    `INSERT INTO archive_spending (day, winston) VALUES (@day, @winston)
     ON CONFLICT (day) DO UPDATE SET winston = winston + @winston`,
  );
  const of = (day: string): number => spent.get(day) ?? 0;
  return {
    of,
    spend: ({ day, dailyWinston }: DayLimit, winston: number): void => {
      const left = dailyWinston - of(day);
      if (winston > left) throw overBudget(winston, left);
      add.run({ day, winston });
    },
  };
}

/** The day's money does not reach. */
export function overBudget(winston: number, left: number): EngramError {
  return new EngramError("ARCHIVE_BUDGET", `the upload costs ${winston} winston; ${Math.max(0, left)} are left today`, {
    fix: "wait for the next UTC day, or raise ENGRAM_ARWEAVE_MAX_WINSTON",
  });
}
