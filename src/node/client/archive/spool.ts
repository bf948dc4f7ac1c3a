import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { contentId } from "../../../crypto/content-id.ts";
import { EngramError } from "../../../crypto/errors.ts";

/** Files of stores that were killed before their memory was written; younger ones may belong to one under way. */
const ABANDONED_AFTER_MS = 3_600_000;
const NEW = ".new";

/**
 * The bytes that uploads wait to send, as they will be archived, one file each, named by their content CID. They are
 * on disk before the memory that names them is.
 */
export class Spool {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Resolves when the bytes are on disk. `keep` follows once their memory is. */
  async add(contentCid: string, bytes: Uint8Array): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = await open(`${this.#path(contentCid)}${NEW}`, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    const folder = await open(this.#folder, "r");
    await folder.sync().finally(() => folder.close());
  }

  async keep(contentCid: string): Promise<void> {
    await rename(`${this.#path(contentCid)}${NEW}`, this.#path(contentCid)).catch(ignoreMissing);
  }

  /** Errors: `ARCHIVE_BYTES_LOST` when they are not there or no longer what they were. */
  async read(contentCid: string): Promise<Buffer> {
    const path = this.#path(contentCid);
    const bytes = await readFile(path).catch(() => readFile(`${path}${NEW}`).catch(() => undefined));
    if (bytes !== undefined && contentId(bytes) === contentCid) return bytes;
    throw new EngramError("ARCHIVE_BYTES_LOST", "the bytes that were kept for the upload are gone or damaged", {
      fix: "archive the file again; the memory itself is whole",
    });
  }

  async remove(contentCid: string): Promise<void> {
    await rm(this.#path(contentCid), { force: true });
    await rm(`${this.#path(contentCid)}${NEW}`, { force: true });
  }

  /** Removes what no upload needs: files of forgotten memories at once, those of interrupted stores after an hour. */
  async sweep(needed: ReadonlySet<string>, now: number): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const path = join(this.#folder, name);
      const isNew = name.endsWith(NEW);
      if (needed.has(`sha256:${isNew ? name.slice(0, -NEW.length) : name}`)) continue;
      const age = isNew
        ? await stat(path).then(
            ({ mtimeMs }) => now - mtimeMs,
            () => 0,
          )
        : Infinity;
      if (age > ABANDONED_AFTER_MS) await rm(path, { force: true });
    }
  }

  #path(contentCid: string): string {
    return join(this.#folder, contentCid.slice("sha256:".length));
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
