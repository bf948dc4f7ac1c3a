import { availableParallelism } from "node:os";
import { EngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { checkSignature, type SignatureCheck } from "./signature-check.ts";
import type { SignatureCalls } from "./signature-worker.ts";
import { WorkerCalls } from "./worker-calls.ts";
import { workerUrl } from "./worker-url.ts";

/** Checks hotkeys' signatures, plain or wrapped (spec 5.1). Malformed input of any kind is `false`. */
export interface SignatureVerifier {
  /** Errors: `SIGNATURES_BUSY`. */
  verify(check: SignatureCheck): Promise<boolean>;
}

/** Checks on the caller's thread, where a pool would cost more than it saves: an embedded miner, a test. */
export function verifierHere(sr25519: Sr25519): SignatureVerifier {
  return {
    verify: async (check) => checkSignature(sr25519, check),
  };
}

export interface SignaturePoolOptions {
  /** Checks here what no worker can. */
  readonly sr25519: Sr25519;
  /** Threads; default one a core beside the caller's, four at most. */
  readonly size?: number;
  /** Signatures that may wait; default 1,024. */
  readonly queueLimit?: number;
  /** How long a worker may take over a batch before it is done here; default 2 s. */
  readonly deadlineMs?: number;
}

interface Waiting {
  readonly check: SignatureCheck;
  readonly resolve: (isValid: boolean) => void;
}

type Thread = WorkerCalls<SignatureCalls>;

/** More in one message than this would make the first of them wait for the last. */
const BATCH = 16;
const MAX_SIZE = 4;

/**
 * Checks signatures on threads of their own, so that many of them hold up nothing else. While a thread works, what comes
 * gathers and goes to it in one message. The threads start with the first check; until one is up, and whenever one fails
 * or is late, the caller's thread checks.
 */
export class SignaturePool implements SignatureVerifier, AsyncDisposable {
  readonly #sr25519: Sr25519;
  readonly #queueLimit: number;
  readonly #deadlineMs: number;
  readonly #threads: readonly Thread[];
  readonly #idle: Thread[] = [];
  readonly #queue: Waiting[] = [];
  #warming: Promise<unknown> | undefined;
  #up = 0;
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #working = 0;

  constructor({ sr25519, size = defaultSize(), queueLimit = 1_024, deadlineMs = 2_000 }: SignaturePoolOptions) {
    this.#sr25519 = sr25519;
    this.#queueLimit = queueLimit;
    this.#deadlineMs = deadlineMs;
    const url = workerUrl("signature-worker", import.meta.url);
    const options = { url, workerData: null, code: "SIGNATURES", what: "the signature worker" };
    this.#threads = Array.from({ length: size }, () => new WorkerCalls<SignatureCalls>(options));
  }

  async verify(check: SignatureCheck): Promise<boolean> {
    this.#warming ??= Promise.all(this.#threads.map((thread) => this.#warm(thread)));
    if (this.#up === 0 || this.#closed !== undefined) return this.#here(check);
    if (this.#queue.length >= this.#queueLimit) {
      throw new EngramError("SIGNATURES_BUSY", "too many signatures wait to be checked", {
        fix: "wait a moment and send it again",
        retryAfterMs: 1_000,
      });
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#queue.push({ check, resolve });
    this.#next();
    return promise;
  }

  /** Resolves when every thread is up, or could not be started. */
  async warm(): Promise<void> {
    this.#warming ??= Promise.all(this.#threads.map((thread) => this.#warm(thread)));
    await this.#warming;
  }

  async #warm(thread: Thread): Promise<void> {
    // A thread that cannot start is missed by nobody: the others do its work, or the caller's thread.
    await thread.call("verify", []).then(
      () => {
        this.#up += 1;
        this.#idle.push(thread);
        this.#next();
      },
      () => undefined,
    );
  }

  #here(check: SignatureCheck): boolean {
    return checkSignature(this.#sr25519, check);
  }

  #next(): void {
    const thread = this.#queue.length > 0 ? this.#idle.pop() : undefined;
    if (!thread) return;
    const batch = this.#queue.splice(0, BATCH);
    this.#working += 1;
    void this.#work(thread, batch).finally(() => {
      this.#working -= 1;
      this.#next();
      if (this.#working === 0) this.#drained?.();
    });
  }

  async #work(thread: Thread, batch: readonly Waiting[]): Promise<void> {
    const answer = thread.call(
      "verify",
      batch.map(({ check }) => check),
    );
    const answered = await beforeDeadline(answer, this.#deadlineMs);
    for (const [at, { check, resolve }] of batch.entries()) resolve(answered?.[at] ?? this.#here(check));
    // One that is late is left alone until it has answered; one that ended starts again at its next call.
    if (answered !== undefined) this.#idle.push(thread);
    else void this.#retire(thread, answer);
  }

  async #retire(thread: Thread, answer: Promise<unknown>): Promise<void> {
    this.#up -= 1;
    if (this.#up === 0) this.#drain();
    await answer.catch(() => undefined);
    if (this.#closed === undefined) await this.#warm(thread);
  }

  #drain(): void {
    for (const { check, resolve } of this.#queue.splice(0)) resolve(this.#here(check));
  }

  /** Answers what was asked, then ends the threads. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#warming;
    this.#drain();
    if (this.#working > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }
}

function defaultSize(): number {
  return Math.min(MAX_SIZE, Math.max(1, availableParallelism() - 1));
}

/** What `answer` came to, or undefined when it failed or took longer. */
async function beforeDeadline<T>(answer: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), deadlineMs);
  try {
    return await Promise.race([answer.catch(() => undefined), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
