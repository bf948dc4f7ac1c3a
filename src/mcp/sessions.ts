import { randomBytes } from "node:crypto";
import { type Caller, keyOf } from "./caller.ts";

/**
 * Names the session of memories that name none. Over stdio a process is a connection; HTTP requests carry no
 * connection, so there a caller has one session for as long as the server runs, and a repeated request is recognised
 * as the same memory.
 */
export class Sessions {
  readonly #names = new Map<string, string>();
  readonly #startedAt: Date;

  constructor(startedAt: Date) {
    this.#startedAt = startedAt;
  }

  of(caller: Caller): string {
    const key = keyOf(caller);
    const name =
      this.#names.get(key) ?? `s-${this.#startedAt.toISOString().slice(0, 10)}-${randomBytes(4).toString("hex")}`;
    this.#names.set(key, name);
    return name;
  }
}
