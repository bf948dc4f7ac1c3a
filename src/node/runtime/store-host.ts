import { type MessagePort, parentPort } from "node:worker_threads";
import { EngramError } from "../../crypto/errors.ts";
import { eraseLog, type SqliteDatabase } from "./sqlite.ts";
import { asFailure, type CallReply, type CallRequest, CLOSE, onRequest, type WorkerReady } from "./worker-calls.ts";

/** What a write may ask for while it runs. */
export interface WriteContext {
  /**
   * Runs after the shared commit is on disk and before the caller hears of it; never when the write failed. It only
   * brings caches up to date: when it throws, the worker ends, and the next call starts again from the file.
   */
  onCommit(effect: () => void): void;
  /** Asks for overwritten bytes to be gone from the log too: a delete is final only then. */
  eraseLog(): void;
}

/** Reads may wait for a neighbour (the scan worker); writes are synchronous, as a transaction must be. */
export interface StoreOperations {
  readonly reads: Readonly<Record<string, (input: never) => unknown>>;
  readonly writes: Readonly<Record<string, (input: never, context: WriteContext) => unknown>>;
}

type Read = (input: unknown) => unknown;
type Write = (input: unknown, context: WriteContext) => unknown;

/** More writes than this do not commit together: those behind them, and the reads, would wait too long. */
const GROUP_LIMIT = 1_000;
/** Another process may be reading the log: so often the erasure is tried again. */
const ERASE_RETRY_MS = 250;

/**
 * Serves `operations` on `port`. All requests that are waiting when the worker turns to them share transactions:
 * consecutive writes commit together, with one fsync, and are acknowledged after it (group commit). A write that
 * throws is rolled back alone.
 */
function serveStore(
  port: MessagePort,
  database: SqliteDatabase,
  operations: StoreOperations,
  close: () => Promise<void> = async () => undefined,
): void {
  const waiting: CallRequest[] = [];
  const reads = new Map(Object.entries(operations.reads as Record<string, Read>));
  const writes = new Map(Object.entries(operations.writes as Record<string, Write>));
  const running = new Set<Promise<void>>();
  let scheduled = false;
  let logHoldsErased = false;
  const transaction = transactionOf(database);

  onRequest(port, (request) => {
    waiting.push(request);
    if (!scheduled) {
      scheduled = true;
      setImmediate(drain);
    }
  });

  function drain(): void {
    scheduled = false;
    while (waiting.length > 0) {
      if (waiting[0]?.operation === CLOSE) return void end();
      const group: CallRequest[] = [];
      while (waiting[0] && writes.has(waiting[0].operation) && group.length < GROUP_LIMIT) {
        group.push(waiting.shift() as CallRequest);
      }
      if (group.length > 0) commit(group);
      else start(waiting.shift() as CallRequest);
    }
  }

  function start(request: CallRequest): void {
    const answered = answer(request).finally(() => running.delete(answered));
    running.add(answered);
  }

  /** Whatever was asked before was answered or waits for a neighbour: let those finish, then leave. */
  async function end(): Promise<void> {
    waiting.length = 0;
    await Promise.allSettled(running);
    await close();
    if (logHoldsErased) eraseLog(database);
    database.close();
    port.close();
  }

  async function answer(request: CallRequest): Promise<void> {
    try {
      const read = reads.get(request.operation);
      if (!read) throw new EngramError("STORE_OPERATION", `unknown store operation ${request.operation}`);
      port.postMessage({ id: request.id, value: await read(request.input) } satisfies CallReply);
    } catch (error) {
      port.postMessage(refusal(request.id, error));
    }
  }

  function commit(group: readonly CallRequest[]): void {
    const replies: CallReply[] = [];
    const effects: (() => void)[] = [];
    try {
      transaction.begin.run();
      for (const request of group) replies.push(apply(request, effects));
      transaction.commit.run();
    } catch (error) {
      // A failed commit or fsync: nothing of the group may count as stored.
      if (database.inTransaction) database.exec("ROLLBACK");
      for (const request of group) port.postMessage(refusal(request.id, error));
      // What the disk holds after a failed write is unknown to this connection: start again from the file (R4).
      if (isDiskFailure(error)) throw error;
      return;
    }
    try {
      for (const effect of effects) effect();
      if (logHoldsErased) erase();
    } finally {
      reply(replies);
    }
  }

  /** Together; where one of them cannot be posted, each by itself. */
  function reply(replies: readonly CallReply[]): void {
    try {
      port.postMessage(replies);
    } catch {
      for (const one of replies) {
        try {
          port.postMessage(one);
        } catch (error) {
          port.postMessage(refusal(one.id, error));
        }
      }
    }
  }

  function apply(request: CallRequest, effects: (() => void)[]): CallReply {
    const own: (() => void)[] = [];
    let erases = false;
    transaction.savepoint.run();
    try {
      const value = (writes.get(request.operation) as Write)(request.input, {
        onCommit: (effect) => own.push(effect),
        eraseLog: () => {
          erases = true;
        },
      });
      transaction.release.run();
      effects.push(...own);
      logHoldsErased ||= erases;
      return { id: request.id, value };
    } catch (error) {
      // A full disk may have ended the whole transaction; then the group fails together.
      if (!database.inTransaction || isDiskFailure(error)) throw error;
      database.exec("ROLLBACK TO operation; RELEASE operation");
      return refusal(request.id, error);
    }
  }

  function erase(): void {
    if (!database.open) return;
    logHoldsErased = !eraseLog(database);
    if (logHoldsErased) setTimeout(erase, ERASE_RETRY_MS).unref();
  }
}

/** Prepared once: to read their text takes as long as a small write. */
function transactionOf(database: SqliteDatabase) {
  return {
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    savepoint: database.prepare("SAVEPOINT operation"),
    release: database.prepare("RELEASE operation"),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isDiskFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_CORRUPT");
}

function refusal(id: number, error: unknown): CallReply {
  const code = codeOf(error);
  if (code.startsWith("SQLITE_BUSY")) {
    const fix = "send it again in a moment";
    return {
      id,
      error: { code: "STORE_BUSY", message: "another process is using the data", fix, retryAfterMs: 1_000 },
    };
  }
  if (code === "SQLITE_FULL") {
    const fix = "free some space and send it again; what was stored stays readable";
    return { id, error: { code: "STORE_FULL", message: "the disk is full, nothing was stored", fix } };
  }
  return { id, error: asFailure(error, "STORE_FAILED") };
}

/** Runs a store worker: opens what `setup` opens, tells the caller, and serves until it is closed. */
export async function runStoreWorker(
  setup: () => Promise<{
    readonly database: SqliteDatabase;
    readonly operations: StoreOperations;
    readonly close?: () => Promise<void>;
  }>,
): Promise<void> {
  if (!parentPort) throw new Error("a store worker runs on its own thread");
  try {
    const { database, operations, close } = await setup();
    serveStore(parentPort, database, operations, close);
    parentPort.postMessage({ ready: true } satisfies WorkerReady);
  } catch (error) {
    parentPort.postMessage({ failed: asFailure(error, "STORE_FAILED") } satisfies WorkerReady);
  }
}
