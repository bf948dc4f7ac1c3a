import { clearLine, cursorTo } from "node:readline";
import type { CommonOptions } from "./kit.ts";
import { say } from "./output.ts";

export interface Progress {
  /** So many units of the total are done. */
  at(done: number, message: string): void;
  end(): void;
}

const PLAIN_EVERY_MS = 5_000;
const BAR_EVERY_MS = 100;
const BAR_CELLS = 30;

/** A bar on a terminal, a line every few seconds elsewhere, nothing with `--json`; always on standard error. */
export async function startProgress(what: string, total: number | null, options: CommonOptions): Promise<Progress> {
  if (options.json) return { at: () => undefined, end: () => undefined };
  // Not the prompts library's bar: it takes the keyboard, and leaves with code 0 on Ctrl-C before the work has stopped.
  return process.stderr.isTTY ? bar(what, total) : plainLines(what, total);
}

function bar(what: string, total: number | null): Progress {
  let last = 0;
  const draw = (line: string) => {
    cursorTo(process.stderr, 0);
    clearLine(process.stderr, 0);
    process.stderr.write(line.slice(0, Math.max(1, process.stderr.columns - 1)));
  };
  draw(what);
  return {
    at: (done, message) => {
      if (Date.now() - last < BAR_EVERY_MS) return;
      last = Date.now();
      draw(`${what} ${total === null ? "" : `${cells(done / Math.max(total, 1))} `}${message}`);
    },
    end: () => draw(""),
  };
}

function cells(share: number): string {
  const full = Math.round(BAR_CELLS * Math.min(1, share));
  return `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)} ${Math.floor(100 * Math.min(1, share))} %`;
}

function plainLines(what: string, total: number | null): Progress {
  let last = Date.now();
  return {
    at: (done, message) => {
      if (Date.now() - last < PLAIN_EVERY_MS) return;
      last = Date.now();
      say(`${what}${total === null ? "" : ` ${Math.floor((100 * done) / Math.max(total, 1))} %`}: ${message}`);
    },
    end: () => undefined,
  };
}
