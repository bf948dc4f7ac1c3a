/** Bytes of a line: a memory of 100,000 characters with escapes stays well below. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** One line of a file, counted from 1; `text` is null when the line cannot be one (`why` says why). */
export type SourceLine =
  | { readonly number: number; readonly end: number; readonly text: string }
  | { readonly number: number; readonly end: number; readonly text: null; readonly why: string };

/**
 * The lines of `source`, with no more than one line in memory. A line that is too long or is not UTF-8 is passed on as
 * such, so that the lines behind it are still read. `end` counts the bytes up to and with the line.
 */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<SourceLine> {
  let held: Uint8Array[] = [];
  let size = 0;
  let number = 0;
  let end = 0;
  const take = (): SourceLine => {
    const line = size > MAX_LINE_BYTES ? tooLong() : decode(Buffer.concat(held));
    held = [];
    size = 0;
    number += 1;
    return { number, end, ...line };
  };
  const hold = (bytes: Uint8Array) => {
    size += bytes.length;
    end += bytes.length;
    if (size <= MAX_LINE_BYTES) held.push(bytes);
    else held = [];
  };
  for await (const chunk of source) {
    let rest = chunk;
    for (let at = rest.indexOf(0x0a); at >= 0; at = rest.indexOf(0x0a)) {
      hold(rest.subarray(0, at));
      end += 1;
      yield take();
      rest = rest.subarray(at + 1);
    }
    if (rest.length > 0) hold(rest);
  }
  if (size > 0) yield take();
}

function tooLong() {
  return { text: null, why: `the line is longer than ${MAX_LINE_BYTES / 1024 / 1024} MB` } as const;
}

function decode(bytes: Uint8Array) {
  try {
    // A byte order mark is left out by the decoder.
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { text: null, why: "the line is not UTF-8 text" } as const;
  }
}
