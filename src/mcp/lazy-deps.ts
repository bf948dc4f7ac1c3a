import { access } from "node:fs/promises";
import { join } from "node:path";
import { homeOf, openCommandClient } from "../node/commands/open-client.ts";
import type { Logger } from "../node/runtime/logger.ts";
import type { Caller } from "./caller.ts";
import type { OpenRelaying } from "./relaying.ts";
import type { ServerMetrics } from "./serve-mcp-metrics.ts";
import type { ServerDeps, ServerLog } from "./server-options.ts";
import { anonymousHome, principalHome } from "./tokens.ts";

/** The server's surroundings, each loaded when first needed: tools/list needs neither logger, store nor model. */
export function lazyDeps(homeOption: string | undefined, level: string, metrics?: ServerMetrics): ServerDeps {
  return {
    log: lazyLog(level),
    now: () => Date.now(),
    holdsMemories: async () => {
      const file = join(await homeOf(homeOption), "memory.db");
      return access(file).then(
        () => true,
        () => false,
      );
    },
    openClient: async (caller) => {
      const home = await homeOf(homeOption);
      return openCommandClient(folderOf(home, caller), home);
    },
    relaying: lazyRelaying(homeOption, level, metrics),
    ...(metrics ? { onCall: (...call) => metrics.mcp.called(...call) } : {}),
    openTill: async (list, listening) => {
      const home = await homeOf(homeOption);
      return (await import("./payments/open-till.ts")).openTill(home, list, listening, level);
    },
  };
}

function folderOf(home: string, caller: Caller): string {
  if (caller.kind === "home") return home;
  return caller.kind === "anonymous" ? anonymousHome(home) : principalHome(home, caller.name);
}

/** Each caller's outbox, payer and budget lie in their own folder; the gateway is the server's. */
function lazyRelaying(homeOption: string | undefined, level: string, metrics?: ServerMetrics): OpenRelaying {
  const opener = () => import("./open-relaying.ts");
  return {
    desk: async (caller) => {
      const home = await homeOf(homeOption);
      return (await opener()).openDesk(folderOf(home, caller), home, level, metrics?.relay);
    },
    books: async (caller) => {
      const home = await homeOf(homeOption);
      return (await import("./open-books.ts")).openBooks(folderOf(home, caller), home);
    },
    feed: async () => (await opener()).openFeed(await homeOf(homeOption), level),
    owing: async () => {
      const home = await homeOf(homeOption);
      const [{ isOwing }, { readTokens }] = await Promise.all([import("./open-books.ts"), import("./tokens.ts")]);
      // Nothing more is spent for a principal whose token was taken away.
      const principals = (await readTokens(home)).map(({ name }) => ({ kind: "principal" as const, name }));
      const callers: readonly Caller[] = [{ kind: "home" }, { kind: "anonymous" }, ...principals];
      const owing = await Promise.all(callers.map((caller) => isOwing(folderOf(home, caller), home)));
      return callers.filter((_, index) => owing[index]);
    },
  };
}

/** A log whose library is loaded by the first line; lines keep their order. */
export function lazyLog(level: string): ServerLog {
  let logger: Promise<Logger> | undefined;
  const write = (method: keyof ServerLog) => (fields: object, sentence: string) => {
    logger ??= import("../node/runtime/logger.ts").then(({ createLogger }) => createLogger({ level }));
    // A log that cannot be written must not fail what it tells about.
    logger.then(
      (ready) => ready[method](fields, sentence),
      () => undefined,
    );
  };
  return { error: write("error"), debug: write("debug") };
}
