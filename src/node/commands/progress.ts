import type { CommonOptions } from "./kit.ts";
import { say } from "./output.ts";

export interface Progress {
  /** So many units of the total are done. */
  at(done: number, message: string): void;
  end(): void;
}

const PLAIN_EVERY_MS = 5_000;

/** A bar on a terminal, a line every few seconds elsewhere, nothing with `--json`; always on standard error. */
export async function startProgress(what: string, total: number | null, options: CommonOptions): Promise<Progress> {
  if (options.json) return { at: () => undefined, end: () => undefined };
  if (!process.stderr.isTTY || total === null) return plainLines(what, total);
  const { progress } = await import("@clack/prompts");
  const bar = progress({ max: Math.max(total, 1), output: process.stderr, indicator: "timer" });
  let shown = 0;
  bar.start(what);
  return {
    at: (done, message) => {
      bar.advance(done - shown, message);
      shown = done;
    },
    end: () => bar.stop(what),
  };
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
