import type { OpenClient } from "./caller.ts";
import type { ConsentRules } from "./consent.ts";
import type { PriceList } from "./payments/price-list.ts";
import type { Till } from "./payments/till.ts";
import type { OpenRelaying } from "./relaying.ts";

/** What a person chose when they started the server; the same for every caller. */
export interface ServerOptions {
  /** Hides the tools that change something. */
  readonly readOnly?: boolean;
  /** Names of the tools to show; all when absent. */
  readonly tools?: readonly string[];
  /** The only namespace this server works in. */
  readonly namespace?: string;
  readonly consent: ConsentRules;
  /** What calls cost over HTTP; absent when nothing does. */
  readonly prices?: PriceList;
}

/** A fixed sentence and fields; what came from outside goes to `debug` alone. */
export interface ServerLog {
  readonly error: (fields: object, sentence: string) => void;
  readonly debug: (fields: object, sentence: string) => void;
}

/** `asked`: a person is asked first, `refused`: with an error that says what to do, `failed`: a fault of ours. */
export type CallOutcome = "ok" | "asked" | "refused" | "unpaid" | "failed";

export interface ServerDeps {
  readonly openClient: OpenClient;
  readonly log: ServerLog;
  readonly now: () => number;
  /** Whether the home's own memories exist: without them nothing waits to be resumed. */
  readonly holdsMemories?: () => Promise<boolean>;
  /** Absent: nothing is relayed or read. */
  readonly relaying?: OpenRelaying;
  /** Hears of every tool call that ended. */
  readonly onCall?: (tool: string, outcome: CallOutcome, seconds: number) => void;
  /** Opens what takes the money for a server that listens at `listening`. */
  readonly openTill?: (list: PriceList, listening: string) => Promise<Till>;
}
