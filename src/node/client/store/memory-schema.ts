import { type Migrations, openDatabase, type SqliteDatabase } from "../../runtime/sqlite.ts";

/**
 * memory.db: what the agent stored, its index, and the journal of what miners still have to be told.
 *
 * A `piece` is what is indexed and embedded: a whole memory or one part of a long one; it names a slice of its memory's
 * text and keeps no copy. `change` tells other processes what to reload; it holds row numbers alone. Row numbers are
 * never reused (AUTOINCREMENT), because cursors and the other processes' caches name them.
 *
 * Forgetting must leave no byte, and `secure_delete` alone does not do that: when SQLite merges or splits pages it
 * leaves copies of moved rows behind (measured: of about 1 in 1,000 deleted rows). So whatever was made of a text lies
 * in `content`, where rows are appended, never moved and never deleted, but overwritten in place by the triggers below;
 * everything else holds numbers and digests alone. `VACUUM` gives the room back (see `compaction-operations.ts`).
 */
const init = [
  "CREATE TABLE content (id INTEGER PRIMARY KEY AUTOINCREMENT, erased INTEGER NOT NULL DEFAULT 0, bytes BLOB NOT NULL) STRICT",
  "CREATE INDEX content_erased ON content (id) WHERE erased = 1",
  `CREATE TABLE namespace (
     id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, wire_name TEXT NOT NULL UNIQUE,
     visibility TEXT NOT NULL CHECK (visibility IN ('private', 'public')), epoch INTEGER NOT NULL DEFAULT 0,
     plain_name INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL) STRICT`,
  `CREATE TABLE memory (
     row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, namespace INTEGER NOT NULL REFERENCES namespace,
     content INTEGER NOT NULL, session INTEGER NOT NULL, seq INTEGER NOT NULL,
     at INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, replaces TEXT, dedupe BLOB) STRICT`,
  "CREATE INDEX memory_by_namespace ON memory (namespace, row)",
  "CREATE INDEX memory_by_session ON memory (namespace, session, seq)",
  "CREATE UNIQUE INDEX memory_by_content ON memory (dedupe) WHERE dedupe IS NOT NULL",
  "CREATE INDEX memory_by_expiry ON memory (expires_at) WHERE expires_at IS NOT NULL",
  // The old id of a replaced memory answers with the new one.
  "CREATE TABLE superseded (old_id TEXT PRIMARY KEY, new_id TEXT NOT NULL) STRICT, WITHOUT ROWID",
  "CREATE INDEX superseded_by_new ON superseded (new_id)",
  `CREATE TABLE profile (
     id INTEGER PRIMARY KEY, model TEXT NOT NULL, dim INTEGER NOT NULL, normalized INTEGER NOT NULL,
     UNIQUE (model, dim, normalized)) STRICT`,
  // profile: the model whose vector the piece has (or that refused it); NULL while it waits for one.
  `CREATE TABLE piece (
     id INTEGER PRIMARY KEY AUTOINCREMENT, memory INTEGER NOT NULL REFERENCES memory (row) ON DELETE CASCADE,
     namespace INTEGER NOT NULL, part INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
     length INTEGER NOT NULL, terms INTEGER NOT NULL, traits INTEGER NOT NULL, profile INTEGER) STRICT`,
  "CREATE INDEX piece_by_memory ON piece (memory, part)",
  "CREATE INDEX piece_by_profile ON piece (profile)",
  "CREATE INDEX piece_by_namespace ON piece (namespace, id)",
  `CREATE TABLE vector (
     piece INTEGER PRIMARY KEY REFERENCES piece (id) ON DELETE CASCADE, profile INTEGER NOT NULL REFERENCES profile,
     content INTEGER NOT NULL) STRICT`,
  `CREATE TABLE posting (
     namespace INTEGER NOT NULL, term INTEGER NOT NULL, piece INTEGER NOT NULL, count INTEGER NOT NULL,
     PRIMARY KEY (namespace, term, piece)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE change (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, namespace INTEGER NOT NULL, memory INTEGER NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('stored', 'embedded', 'deleted'))) STRICT`,
  // A record outlives its memory until every holder confirmed its deletion; its body does not.
  `CREATE TABLE record (
     id INTEGER PRIMARY KEY AUTOINCREMENT, memory_id TEXT NOT NULL, part INTEGER NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('memory', 'tombstone', 'directory')), namespace INTEGER NOT NULL,
     cid TEXT, body INTEGER, created_at INTEGER NOT NULL) STRICT`,
  "CREATE INDEX record_by_memory ON record (memory_id, part)",
  `CREATE TABLE delivery (
     record INTEGER NOT NULL REFERENCES record (id) ON DELETE CASCADE, miner_hotkey TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'deleting', 'deleted', 'impossible')), cid TEXT,
     attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL, last_error TEXT,
     PRIMARY KEY (record, miner_hotkey)) STRICT, WITHOUT ROWID`,
  "CREATE INDEX delivery_due ON delivery (state, next_at)",
  `CREATE TABLE tombstone (
     id TEXT PRIMARY KEY, namespace INTEGER NOT NULL, cids TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  "CREATE TABLE lease (task TEXT PRIMARY KEY, holder TEXT NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  `CREATE TABLE approval (
     code TEXT PRIMARY KEY, arguments TEXT NOT NULL, summary TEXT NOT NULL, approved INTEGER NOT NULL DEFAULT 0,
     expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
  eraseContent("memory_erased", "AFTER DELETE ON memory", "content"),
  eraseContent("vector_erased", "AFTER DELETE ON vector", "content"),
  eraseContent("record_erased", "AFTER DELETE ON record WHEN OLD.body IS NOT NULL", "body"),
  eraseContent(
    "body_erased",
    "AFTER UPDATE OF body ON record WHEN OLD.body IS NOT NULL AND NEW.body IS NOT OLD.body",
    "body",
  ),
] as const;

/** The same length keeps the row where it is: its bytes are overwritten, overflow pages included. */
function eraseContent(name: string, event: string, column: string): string {
  return `CREATE TRIGGER ${name} ${event} BEGIN
    UPDATE content SET erased = 1, bytes = zeroblob(length(bytes)) WHERE id = OLD.${column}; END`;
}

/** What a person is asked may quote a memory: it lies where forgotten texts do, and is overwritten as they are. */
const approvalContent = [
  "DROP TABLE approval",
  `CREATE TABLE approval (
     code TEXT PRIMARY KEY, arguments TEXT NOT NULL, summary INTEGER NOT NULL, approved INTEGER NOT NULL DEFAULT 0,
     expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  eraseContent("approval_erased", "AFTER DELETE ON approval", "summary"),
] as const;

/**
 * Archived files: the upload's state beside the memory it belongs to, gone with it. `digest` finds the same file again;
 * `request` (tags) and `header` (the signed transaction) lie in `content`, because those of public files quote them.
 * `archive_spending` outlives forgotten memories, as spent money does.
 */
const archiving = [
  `CREATE TABLE archive (
     memory_id TEXT PRIMARY KEY, namespace INTEGER NOT NULL, digest BLOB NOT NULL, content_cid TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('waiting', 'signed', 'sent', 'confirmed', 'failed')),
     request INTEGER NOT NULL, header INTEGER, transaction_id TEXT, max_winston INTEGER NOT NULL, winston INTEGER,
     attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL, signed_at INTEGER, last_error TEXT) STRICT`,
  "CREATE INDEX archive_due ON archive (next_at) WHERE state IN ('waiting', 'signed', 'sent')",
  "CREATE INDEX archive_by_digest ON archive (digest)",
  "CREATE TABLE archive_spending (day TEXT PRIMARY KEY, winston INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  eraseContent("archive_request_erased", "AFTER DELETE ON archive", "request"),
  eraseContent("archive_header_erased", "AFTER DELETE ON archive WHEN OLD.header IS NOT NULL", "header"),
  "CREATE TRIGGER archive_forgotten AFTER DELETE ON memory BEGIN DELETE FROM archive WHERE memory_id = OLD.id; END",
] as const;

/** When a copy was last asked for, and what came of it. */
const audits = [
  `CREATE TABLE audit (
     record INTEGER NOT NULL REFERENCES record (id) ON DELETE CASCADE, miner_hotkey TEXT NOT NULL, at INTEGER NOT NULL,
     verdict TEXT NOT NULL, PRIMARY KEY (record, miner_hotkey)) STRICT, WITHOUT ROWID`,
] as const;

/** `keys_only`: this home has the namespace without its memories, and asks miners for them. */
const remoteSearch = [
  "ALTER TABLE namespace ADD COLUMN remote_search INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE namespace ADD COLUMN keys_only INTEGER NOT NULL DEFAULT 0",
] as const;

/**
 * `owner`: the hotkey of who shares a namespace with this wallet; null where it is its own. What opens a shared one lies in
 * `sealed`, encrypted to the wallet. `given_grant` is the other side: whom this wallet lets read what. `epoch_told` says
 * which miners know a namespace's present epoch.
 */
const sharing = [
  "ALTER TABLE namespace ADD COLUMN owner TEXT",
  `CREATE TABLE shared_namespace (
     namespace INTEGER PRIMARY KEY REFERENCES namespace, grant_id TEXT NOT NULL, sealed TEXT NOT NULL,
     epoch INTEGER NOT NULL, expires_at INTEGER NOT NULL, synced_at INTEGER) STRICT`,
  "CREATE TABLE joined_grant (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
  `CREATE TABLE given_grant (
     id TEXT PRIMARY KEY, namespace INTEGER NOT NULL REFERENCES namespace, reader TEXT NOT NULL, reader_key TEXT NOT NULL,
     issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, ended_at INTEGER) STRICT`,
  `CREATE TABLE epoch_told (
     namespace INTEGER NOT NULL REFERENCES namespace, miner_hotkey TEXT NOT NULL, epoch INTEGER NOT NULL,
     PRIMARY KEY (namespace, miner_hotkey)) STRICT, WITHOUT ROWID`,
] as const;

export const memoryMigrations: Migrations = {
  "001-init": init,
  "002-approval-content": approvalContent,
  "003-archive": archiving,
  "004-audit": audits,
  "005-remote-search": remoteSearch,
  "006-sharing": sharing,
};

/** Opens memory.db, creating it when it is not there; its folder must exist. Errors: those of `openDatabase`. */
export function openMemoryDatabase(path: string): Promise<SqliteDatabase> {
  return openDatabase(path, memoryMigrations);
}
