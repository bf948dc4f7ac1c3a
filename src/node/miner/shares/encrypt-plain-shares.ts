import { eraseLog, type SqliteDatabase } from "../../runtime/sqlite.ts";
import type { KeptShare, ShareCipher } from "./share-cipher.ts";

type PlainRow = Omit<KeptShare, "index" | "manifestSignature"> & {
  readonly share_index: number;
  readonly manifest_signature: string;
};

/**
 * Moves rows of before into their encrypted form and takes their bytes off the disk. The old table goes last of all, so
 * that whoever is interrupted begins again.
 */
export function encryptPlainShares(database: SqliteDatabase, cipher: ShareCipher): void {
  if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'share'").get() === undefined) return;
  const insert = database.prepare(
    "INSERT OR IGNORE INTO kept (epoch_place, namespace_place, owner_place, content) VALUES (?, ?, ?, ?)",
  );
  const plain = database.prepare<[], PlainRow>(
    "SELECT namespace, epoch, owner, share_index, sealed, manifest, manifest_signature FROM share",
  );
  const move = database.transaction(() => {
    for (const { share_index: index, manifest_signature: manifestSignature, ...rest } of plain.all()) {
      const share = { ...rest, index, manifestSignature };
      const { namespace, epoch, owner } = share;
      const places = [cipher.place(namespace, epoch), cipher.place(namespace), cipher.ownerPlace(owner)];
      insert.run(...places, cipher.sealShare(share));
    }
    database.exec("DELETE FROM share");
  });
  move.immediate();
  // Merged pages leave copies of moved rows behind; a file written anew has none.
  database.exec("VACUUM");
  eraseLog(database);
  database.exec("DROP TABLE IF EXISTS share");
}
