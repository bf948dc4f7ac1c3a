import type { Migrations } from "../../runtime/sqlite.ts";

/** What a miner signed for its owners; the bytes themselves stay with those. */
export const uploadMigrations: Migrations = {
  "001-uploads": [
    `CREATE TABLE upload (
      content_cid TEXT PRIMARY KEY,
      transaction_id TEXT NOT NULL,
      header TEXT NOT NULL,
      winston INTEGER NOT NULL,
      day TEXT NOT NULL,
      sent INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX upload_by_day ON upload (day)",
  ],
  "002-upload-signings": [
    "ALTER TABLE upload ADD COLUMN signed_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE upload ADD COLUMN signings INTEGER NOT NULL DEFAULT 1",
  ],
};
