import { isEngramError } from "../../crypto/errors.ts";
import type { ServerLog } from "../server-options.ts";
import type { History } from "./history/history.ts";
import { type Html, notice } from "./page.ts";
import type { DashboardSources } from "./sources.ts";

/** What a page is made with. */
export interface PageContext {
  readonly sources: DashboardSources;
  readonly history: History;
  readonly now: number;
  readonly csrf: string;
  /** Of the address; the first of each name. */
  readonly query: URLSearchParams;
  /** Aborts when nobody waits for the page any more. */
  readonly signal: AbortSignal;
  readonly log: ServerLog;
}

/** Either what `read` brings, or a notice of what failed: a part that cannot be read hides none of the others. */
export async function attempt<T>(
  context: PageContext,
  read: () => Promise<T>,
  show: (value: T) => Html | Promise<Html>,
): Promise<Html> {
  try {
    return await show(await read());
  } catch (error) {
    return failure(error, context);
  }
}

/** What went wrong, in the words of whoever found it; anything else stays inside. */
export function failure(error: unknown, { log }: Pick<PageContext, "log">): Html {
  if (isEngramError(error)) return notice("bad", error.message, error.fix);
  log.error({ error: error instanceof Error ? error.stack : "unknown" }, "a part of the dashboard failed inside");
  return notice("bad", "This could not be read.", "The log of the dashboard has the reason; engram doctor may help.");
}
