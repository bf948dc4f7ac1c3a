import { PassThrough, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { SourceEntry } from "./read-entries.ts";

/**
 * The entries that `read` finds in a file packed by gzip. Where it is damaged or cut off, what comes before is still read,
 * and the last entry says so.
 */
export async function* readPacked(
  packed: Readable,
  read: (unpacked: AsyncIterable<Uint8Array>) => AsyncIterable<SourceEntry>,
): AsyncGenerator<SourceEntry> {
  let place = { number: 0, end: 0 };
  try {
    for await (const entry of read(unpack(packed))) {
      place = { number: entry.number, end: entry.end };
      yield entry;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    const why = `the packed file is damaged or cut off (${error.message}): fetch it again, and import it again`;
    yield { number: place.number + 1, end: place.end, why };
  }
}

async function* unpack(packed: Readable): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // A stream that fails drops what it has unpacked already: here that is kept, and read before the failure is told.
  const unpacked = new PassThrough();
  let failure: Error | undefined;
  gunzip.on("error", (error) => {
    failure = error;
    unpacked.end();
  });
  packed
    .on("error", (error) => gunzip.destroy(error))
    .pipe(gunzip)
    .pipe(unpacked);
  try {
    yield* unpacked;
    if (failure) throw failure;
  } finally {
    packed.destroy();
    gunzip.destroy();
  }
}

function isDamage(error: unknown): error is Error {
  return error instanceof Error && "code" in error && /^Z_(BUF|DATA)_ERROR$/.test(String(error.code));
}
