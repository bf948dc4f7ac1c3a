import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/**
 * Appends to the content table; returns the row that others name. Only ever appended, content rows stay where they are
 * and leave no copies; the schema's triggers overwrite them when what names them goes.
 */
export function contentAppender(database: SqliteDatabase): (bytes: Uint8Array | string) => number {
  const insert = database.prepare("INSERT INTO content (bytes) VALUES (?)");
  return (bytes) => Number(insert.run(typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes).lastInsertRowid);
}
