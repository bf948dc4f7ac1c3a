import { type MessagePort, parentPort } from "node:worker_threads";
import { EngramError } from "../../crypto/errors.ts";
import { type SqliteDatabase, truncateLog } from "./sqlite.ts";

/** One request on the port between a store and its worker. */
export interface StoreRequest {
  readonly id: number;
  readonly operation: string;
  readonly input: unknown;
}

/** The answer: a value, or an error in parts (errors lose their class on a port). */
export type StoreReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { code: string; message: string; fix?: string | undefined } };

/** The first message of a store worker: its file is open, or why not. */
export type StoreReady =
  | { readonly ready: true }
  | { readonly failed: { code: string; message: string; fix?: string } };

/** What a write may ask for while it runs. */
export interface WriteContext {
  /** Runs after the shared commit is on disk and before the caller hears of it; never runs when the write failed. */
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

/**
 * Serves `operations` on `port`. All requests that are waiting when the worker turns to them share transactions:
 * consecutive writes commit together, with one fsync, and are acknowledged after it (group commit). A write that
 * throws is rolled back alone.
 */
export function serveStore(
  port: MessagePort,
  database: SqliteDatabase,
  operations: StoreOperations,
  close: () => Promise<void> = async () => undefined,
): void {
  const waiting: StoreRequest[] = [];
  const reads = new Map(Object.entries(operations.reads as Record<string, Read>));
  const writes = new Map(Object.entries(operations.writes as Record<string, Write>));
  const running = new Set<Promise<void>>();
  let scheduled = false;
  let logHoldsErased = false;

  port.on("message", (request: StoreRequest) => {
    waiting.push(request);
    if (!scheduled) {
      scheduled = true;
      setImmediate(drain);
    }
  });

  function drain(): void {
    scheduled = false;
    while (waiting.length > 0) {
      if (waiting[0]?.operation === "close") return void end();
      const group: StoreRequest[] = [];
      while (waiting[0] && writes.has(waiting[0].operation)) group.push(waiting.shift() as StoreRequest);
      if (group.length > 0) commit(group);
      else start(waiting.shift() as StoreRequest);
    }
  }

  function start(request: StoreRequest): void {
    const answered = answer(request).finally(() => running.delete(answered));
    running.add(answered);
  }

  /** Whatever was asked before was answered or is waiting for a neighbour: let those finish, then leave. */
  async function end(): Promise<void> {
    waiting.length = 0;
    await Promise.allSettled(running);
    await close();
    if (logHoldsErased) truncateLog(database);
    database.close();
    port.close();
  }

  async function answer(request: StoreRequest): Promise<void> {
    try {
      const read = reads.get(request.operation);
      if (!read) throw new EngramError("STORE_OPERATION", `unknown store operation ${request.operation}`);
      port.postMessage({ id: request.id, value: await read(request.input) } satisfies StoreReply);
    } catch (error) {
      port.postMessage(refusal(request.id, error));
    }
  }

  function commit(group: readonly StoreRequest[]): void {
    const replies: StoreReply[] = [];
    const effects: (() => void)[] = [];
    try {
      database.exec("BEGIN IMMEDIATE");
      for (const request of group) replies.push(apply(request, effects));
      database.exec("COMMIT");
      for (const effect of effects) effect();
      if (logHoldsErased) eraseLog();
    } catch (error) {
      // A failed commit or fsync: nothing of the group may count as stored.
      if (database.inTransaction) database.exec("ROLLBACK");
      for (const request of group) port.postMessage(refusal(request.id, error));
      return;
    }
    for (const reply of replies) port.postMessage(reply);
  }

  function apply(request: StoreRequest, effects: (() => void)[]): StoreReply {
    const own: (() => void)[] = [];
    let erases = false;
    database.exec("SAVEPOINT operation");
    try {
      const value = (writes.get(request.operation) as Write)(request.input, {
        onCommit: (effect) => own.push(effect),
        eraseLog: () => {
          erases = true;
        },
      });
      database.exec("RELEASE operation");
      effects.push(...own);
      logHoldsErased ||= erases;
      return { id: request.id, value };
    } catch (error) {
      // A full disk may have ended the whole transaction; then the group fails together.
      if (!database.inTransaction) throw error;
      database.exec("ROLLBACK TO operation; RELEASE operation");
      return refusal(request.id, error);
    }
  }

  /** Another process may be reading the log; then the erasure is tried again until nobody is. */
  function eraseLog(): void {
    if (!database.open) return;
    logHoldsErased = !truncateLog(database);
    if (logHoldsErased) setTimeout(eraseLog, 250).unref();
  }
}

function refusal(id: number, error: unknown): StoreReply {
  if (error instanceof EngramError) return { id, error: { code: error.code, message: error.message, fix: error.fix } };
  const code = error instanceof Error && "code" in error ? String(error.code) : "STORE_FAILED";
  const message = error instanceof Error ? error.message : String(error);
  return { id, error: { code, message } };
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
    parentPort.postMessage({ ready: true } satisfies StoreReady);
  } catch (error) {
    const { error: failed } = refusal(0, error) as { error: { code: string; message: string; fix?: string } };
    parentPort.postMessage({ failed } satisfies StoreReady);
  }
}
