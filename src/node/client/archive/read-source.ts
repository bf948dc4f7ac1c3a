import { open, realpath } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { EngramError } from "../../../crypto/errors.ts";
import { download } from "../../runtime/download.ts";
import type { Fetch } from "../../runtime/http-client.ts";

/** Of a file or a page. */
export const MAX_ARCHIVE_BYTES = 10_000_000;
/** As the reference names itself (spec 11). */
const USER_AGENT = "EngramBot/1.0 (semantic-memory-indexer)";
const DEADLINE_MS = 15_000;

export interface Source {
  readonly bytes: Uint8Array;
  /** As the server or the file's name says it. */
  readonly declared?: string;
  readonly name?: string;
  /** Where a page was asked for. */
  readonly url?: string;
}

interface ReadSourceOptions {
  /** The data folder: keys and memories lie in it. */
  readonly home: string;
  /** For URLs: one of `createPublicFetch`. */
  readonly fetch: Fetch;
  readonly signal?: AbortSignal;
}

/** Reads a URL or a file. Errors: `ARCHIVE_SOURCE`, `ARCHIVE_TOO_LARGE`, those of `download`. */
export async function readSource(source: string, options: ReadSourceOptions): Promise<Source> {
  return isUrl(source) ? await readUrl(source, options) : await readFile(source, options);
}

/** Whether `source` names a page; everything else is a path. */
export function isUrl(source: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(source);
}

async function readUrl(url: string, { fetch, signal }: ReadSourceOptions): Promise<Source> {
  const options = { fetch, userAgent: USER_AGENT, deadlineMs: DEADLINE_MS, maxBytes: MAX_ARCHIVE_BYTES };
  const page = await download(url, { ...options, ...(signal ? { signal } : {}) });
  return { bytes: page.bytes, declared: page.contentType, url };
}

async function readFile(path: string, { home }: ReadSourceOptions): Promise<Source> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) throw unusable("there is no such file");
  const fromHome = relative(await realpath(home).catch(() => resolve(home)), real);
  // Wallet and memories: an agent must not be able to read them out by archiving.
  if (!fromHome.startsWith("..") && fromHome !== real) throw unusable("the data folder's own files are not archived");
  const file = await open(real, "r");
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw unusable("this is not a file");
    if (stat.size > MAX_ARCHIVE_BYTES) throw tooLarge();
    // One byte more than allowed: a file that grows meanwhile is noticed.
    const buffer = Buffer.alloc(Math.min(stat.size + 1, MAX_ARCHIVE_BYTES + 1));
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length === 0) throw unusable("the file is empty");
    return { bytes: buffer.subarray(0, Math.min(length, stat.size)), name: real };
  } finally {
    await file.close();
  }
}

function unusable(why: string): EngramError {
  return new EngramError("ARCHIVE_SOURCE", `this cannot be archived: ${why}`, {
    fix: "give the path of a readable file, or an http or https URL",
  });
}

function tooLarge(): EngramError {
  return new EngramError("ARCHIVE_TOO_LARGE", `the file has more than ${MAX_ARCHIVE_BYTES} bytes`, {
    fix: "archive its parts one by one",
  });
}
