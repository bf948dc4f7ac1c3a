import { access } from "node:fs/promises";
import { join } from "node:path";
import { homeOf, openCommandClient } from "../node/commands/open-client.ts";
import type { Logger } from "../node/runtime/logger.ts";
import type { ServerDeps, ServerLog } from "./server-options.ts";
import { principalHome } from "./tokens.ts";

/** The server's surroundings, each loaded when first needed: tools/list needs neither logger, store nor model. */
export function lazyDeps(homeOption: string | undefined, level: string): ServerDeps {
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
      return openCommandClient(caller.kind === "home" ? home : principalHome(home, caller.name), home);
    },
  };
}

/** A log whose library is loaded by the first line; lines keep their order. */
function lazyLog(level: string): ServerLog {
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
