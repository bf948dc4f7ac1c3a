import type { Clients } from "./caller.ts";
import type { ServerDeps } from "./server-options.ts";

/** Long enough that a start which is only asked for its tools pays nothing. */
const quietMs = 5_000;

/**
 * Opens the home's memories some seconds after the start even when nobody calls a tool: expired memories are deleted
 * at every start, and what an ended process still owed its miners is sent. A home without memories stays untouched.
 */
export function resumeWork(clients: Clients, deps: ServerDeps): Disposable {
  const timer = setTimeout(() => {
    resume(clients, deps).catch((error: unknown) => {
      deps.log.error({ error: error instanceof Error ? error.name : "unknown" }, "earlier work could not be resumed");
    });
  }, quietMs).unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

async function resume(clients: Clients, deps: ServerDeps): Promise<void> {
  if (!(await deps.holdsMemories?.())) return;
  const client = await clients.of({ kind: "home" });
  // The first call of a client starts its background work.
  await client.namespaces();
}
