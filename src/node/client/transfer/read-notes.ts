import { isUtf8 } from "node:buffer";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { parseNote, YAMLParseError } from "./note.ts";
import { reasonOf, type SourceEntry } from "./read-entries.ts";

/** A note above this was not written by hand. */
const MAX_NOTE_BYTES = 4 * 1024 * 1024;

/** The Markdown files below a folder, in the order of their paths; hidden folders are passed over. */
export async function listNotes(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && /\.md$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/(^|[\\/])\./.test(relative(folder, path)))
    .sort();
}

/** The notes of a folder as entries; `end` counts notes. A file that is no note has the reason and its name. */
export async function* readNotes(folder: string, files: readonly string[]): AsyncGenerator<SourceEntry> {
  for (const [index, file] of files.entries()) {
    const place = { number: index + 1, end: index + 1 };
    try {
      const { size, mtimeMs } = await stat(file);
      if (size > MAX_NOTE_BYTES) throw new Error(`it is larger than ${MAX_NOTE_BYTES / 1024 / 1024} MB`);
      const bytes = await readFile(file);
      if (!isUtf8(bytes)) throw new Error("it is not UTF-8 text");
      const text = bytes.toString("utf8");
      yield { ...place, memories: parseNote(text, basename(file).replace(/\.md$/i, ""), Math.floor(mtimeMs)) };
    } catch (error) {
      const why = error instanceof YAMLParseError ? "its front matter is not YAML" : whyOf(error);
      yield { ...place, why: `${relative(folder, file)}: ${why}` };
    }
  }
}

function whyOf(error: unknown): string {
  return error instanceof Error && error.constructor === Error ? error.message : reasonOf(error);
}
