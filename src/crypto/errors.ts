/** What an error may carry beside its code and sentence. */
export interface EngramErrorOptions {
  /** One sentence that says what to do. */
  readonly fix?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * The one error class that crosses module borders. `code` is stable and meant for programs, `message` for people;
 * neither ever holds a secret or text that came from the network.
 */
export class EngramError extends Error {
  override readonly name = "EngramError";
  readonly code: string;
  readonly fix: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, options: EngramErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether `error` is an `EngramError`, optionally of one code. */
export function isEngramError(error: unknown, code?: string): error is EngramError {
  return error instanceof EngramError && (code === undefined || error.code === code);
}
