import { EngramError, isEngramError } from "../../crypto/errors.ts";

/** What a command's exit code tells the shell that started it. */
export const EXIT = { ok: 0, failure: 1, usage: 2, refused: 3, unreachable: 4, interrupted: 130 } as const;

export const PROGRAM_HELP = `
With --json a result is one line of JSON on standard output, and a failure is one on standard error:
{"error":{"code":"…","message":"…","fix":"…"}}

Environment:
  ENGRAM_HOME       data folder
  ENGRAM_MINERS     miners that keep copies: hotkey@http://host:port, separated by commas
  ENGRAM_CHAIN      the chain; local (the default) is simulated and stays on this machine;
                    local:http://127.0.0.1:PORT is one that "engram chain" serves; test, finney and wss:// addresses
                    are Subtensor's, "#netuid=N" behind them names a subnet other than 450
  ENGRAM_LOG_LEVEL  fatal, error, warn, info, debug or silent; logs go to standard error
  ENGRAM_SCAN       how vectors are searched: auto (the default), kernel (by WebAssembly, or not at all) or plain;
                    the answers are the same, to the bit
  ENGRAM_PRIVATE_ON_REFERENCE_MINERS
                    true also gives private records to miners of the reference project,
                    which publish the encrypted record again and cannot delete it

Exit codes:
  0    done
  1    it failed, or something was not found: the error says what to do
  2    the command line or its input is wrong
  3    refused, or a person has to approve it first
  4    a miner or the chain did not answer
  130  interrupted`;

/** Codes of other rooms by what they mean for the caller's shell; all others are failures. */
const MEANINGS: readonly (readonly [codes: RegExp, exit: number])[] = [
  [
    /^CONSENT_(REQUIRED|DECLINED|DENIED)$|_EXISTS$|_RESERVED$|_READ_ONLY$|^(NEEDS_TERMINAL|SECRET_FOUND|HOTKEY_WATCH_ONLY|COLDKEY_NEEDED|CHAIN_PRICE)$/,
    EXIT.refused,
  ],
  [/_UNREACHABLE$|_TIMEOUT$|^NO_MINERS$/, EXIT.unreachable],
  [/^USAGE$|_INVALID$|_TOO_(LONG|LARGE|MANY)$|_AMBIGUOUS$|^INVALID_ARGUMENTS$|^PUBLIC_NAMESPACE$/, EXIT.usage],
];

/** The exit code of a command that failed with `error`. */
export function exitCodeOf(error: unknown): number {
  if (!isEngramError(error)) return EXIT.failure;
  return MEANINGS.find(([codes]) => codes.test(error.code))?.[1] ?? EXIT.failure;
}

/** An error of the command line itself. */
export function usageError(message: string, fix: string): EngramError {
  return new EngramError("USAGE", message, { fix });
}
