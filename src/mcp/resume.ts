import { isEngramError } from "../crypto/errors.ts";
import type { Clients } from "./caller.ts";
import type { Relaying } from "./relaying.ts";
import type { ServerDeps } from "./server-options.ts";

/** Long enough that a start which is only asked for its tools pays nothing. */
const quietMs = 5_000;

/**
 * Opens the home's memories some seconds after the start even when nobody calls a tool: expired memories are deleted
 * at every start, and what an ended process still owed its miners is sent; so is what any caller's outbox holds. A home
 * without memories stays untouched, and so does an outbox from which everything was delivered.
 */
export function resumeWork(clients: Clients, relaying: Relaying, deps: ServerDeps): Disposable {
  const failed = (error: unknown) => {
    const what = isEngramError(error) ? error.code : error instanceof Error ? error.name : "unknown";
    deps.log.error({ error: what }, "earlier work could not be resumed");
  };
  const timer = setTimeout(() => {
    resume(clients, deps).catch(failed);
    relaying.resume().catch(failed);
  }, quietMs).unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

async function resume(clients: Clients, deps: ServerDeps): Promise<void> {
  if (!(await deps.holdsMemories?.())) return;
  const client = await clients.of({ kind: "home" });
  // The first call of a client starts its background work.
  await client.namespaces();
}
