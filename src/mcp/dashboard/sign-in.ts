import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import { Secret } from "../../node/runtime/secret.ts";

/** A browser that showed a code. */
export interface Session {
  /** The cookie's value. */
  readonly id: Secret<string>;
  /** Every form of this session carries it. */
  readonly csrf: string;
}

export interface SignInOptions {
  /** How long a session lasts without being used, in ms; default 12 hours. */
  readonly idleMs?: number;
}

const IDLE_MS = 12 * 3_600_000;
const MAX_SESSIONS = 32;

/**
 * Lets browsers in: each code counts once, and the next one is there at once for whoever sits at the terminal. Sessions
 * live in this process alone, by the hash of their cookie.
 */
export class SignIn {
  readonly #sessions: LRUCache<string, Session>;
  readonly #onCode: (code: Secret<string>) => void;
  #code: Secret<string>;

  constructor({ idleMs = IDLE_MS }: SignInOptions, onCode: (code: Secret<string>) => void) {
    this.#sessions = new LRUCache({ max: MAX_SESSIONS, ttl: idleMs, updateAgeOnGet: true });
    this.#onCode = onCode;
    this.#code = newCode();
  }

  /** Lets one browser in. */
  get code(): Secret<string> {
    return this.#code;
  }

  /** A session for the present code, which is used up by it; null for any other. */
  enter(code: string): Session | null {
    if (!sameText(code.trim(), this.#code.reveal())) return null;
    this.#code = newCode();
    this.#onCode(this.#code);
    const session: Session = { id: newCode(), csrf: randomBytes(24).toString("base64url") };
    this.#sessions.set(digest(session.id.reveal()), session);
    return session;
  }

  /** The session of a cookie; undefined when there is none, or it is over. */
  session(cookie: string | undefined): Session | undefined {
    return cookie === undefined ? undefined : this.#sessions.get(digest(cookie));
  }

  leave(session: Session): void {
    this.#sessions.delete(digest(session.id.reveal()));
  }
}

function newCode(): Secret<string> {
  return new Secret(randomBytes(24).toString("base64url"));
}

/** Whether both are the same, in a time that tells nothing of where they differ. */
export function sameText(one: string, other: string): boolean {
  return timingSafeEqual(createHash("sha256").update(one).digest(), createHash("sha256").update(other).digest());
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
