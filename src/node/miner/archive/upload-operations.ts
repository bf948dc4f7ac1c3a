import { EngramError } from "../../../crypto/errors.ts";
import type { SignedUpload } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** One archived content; signed once, and sent as it is until the archive has it. */
export interface UploadRow extends SignedUpload {
  readonly contentCid: string;
  readonly sent: 0 | 1;
  /** Unix milliseconds. */
  readonly signedAt: number;
  /** How often this content was signed. */
  readonly signings: number;
}

export interface KeepUpload extends SignedUpload {
  readonly contentCid: string;
  /** The UTC day whose money it draws on, and what that allows. */
  readonly day: string;
  readonly dailyWinston: number;
  readonly signedAt: number;
  /** Its transaction never came to be and gives way to this one; absent: what is there stays. */
  readonly replaces?: string;
}

const COLUMNS =
  "content_cid AS contentCid, transaction_id AS transactionId, header, winston, sent, signed_at AS signedAt, signings";

export function createUploadOperations(database: SqliteDatabase) {
  const find = database.prepare<[string], UploadRow>(`SELECT ${COLUMNS} FROM upload WHERE content_cid = ?`);
  const spent = database
    .prepare<[string], number>("SELECT coalesce(sum(winston), 0) FROM upload WHERE day = ?")
    .pluck();
  const insert = database.prepare(
    `INSERT INTO upload (content_cid, transaction_id, header, winston, day, signed_at)
     VALUES (@contentCid, @transactionId, @header, @winston, @day, @signedAt)`,
  );
  const replace = database.prepare(
    `UPDATE upload SET transaction_id = @transactionId, header = @header, winston = @winston, day = @day,
       signed_at = @signedAt, signings = signings + 1, sent = 0
     WHERE content_cid = @contentCid`,
  );
  const markSent = database.prepare("UPDATE upload SET sent = 1 WHERE content_cid = ?");

  return {
    reads: {
      upload: (contentCid: string): UploadRow | null => find.get(contentCid) ?? null,
      uploadsSpent: (day: string): number => spent.get(day) ?? 0,
    },
    writes: {
      /** The upload of this content: the one that was there, or this one. Throws `ARCHIVE_BUDGET`. */
      keepUpload: ({ dailyWinston, replaces, ...upload }: KeepUpload): UploadRow => {
        const known = find.get(upload.contentCid);
        if (known && known.transactionId !== replaces) return known;
        if ((spent.get(upload.day) ?? 0) + upload.winston > dailyWinston) {
          throw new EngramError("ARCHIVE_BUDGET", "this miner archives no more today", { retryAfterMs: 3_600_000 });
        }
        (known ? replace : insert).run(upload);
        return find.get(upload.contentCid) as UploadRow;
      },
      uploadSent: (contentCid: string): void => {
        markSent.run(contentCid);
      },
    },
  };
}

export type UploadOperations = ReturnType<typeof createUploadOperations>;
