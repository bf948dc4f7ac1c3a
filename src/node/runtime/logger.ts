import { type Logger, pino } from "pino";

export type { Logger };

/**
 * The process's logger: JSON lines on stderr (stdout belongs to the protocol). A fixed sentence and fields; text that
 * came from the network is logged at `debug` alone, secrets never.
 */
export function createLogger(options: { readonly level: string }): Logger {
  return pino({ level: options.level, base: null }, pino.destination({ dest: 2, sync: true }));
}
