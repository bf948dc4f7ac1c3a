import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

const MAX_BYTES = 5_000_000;

/** What a process writes, in a file beside the one before it: together they stay below 10 MB. */
export class LogFile {
  readonly #path: string;
  #size: number;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  append(chunk: Uint8Array): void {
    if (this.#size + chunk.length > MAX_BYTES) {
      renameSync(this.#path, `${this.#path}.old`);
      this.#size = 0;
    }
    appendFileSync(this.#path, chunk, { mode: 0o600 });
    this.#size += chunk.length;
  }
}
