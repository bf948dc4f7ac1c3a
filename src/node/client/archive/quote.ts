import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { ARCHIVE_LIMIT_VARIABLE, type ArchiveSettings } from "../../archive/archive-settings.ts";
import type { Archive } from "../../ports.ts";
import { overBudget } from "../store/archive-operations.ts";
import type { ArchiveCost } from "./archives.ts";

interface QuoteDeps {
  readonly settings: ArchiveSettings;
  readonly archive: () => Promise<Archive>;
  /** Winston spent today. */
  readonly spent: () => Promise<number>;
}

/** What an upload of so many bytes would cost. Errors: `ARCHIVE_BUDGET`, `ARCHIVE_KEY_INVALID`. */
export async function quote(bytes: number, deps: QuoteDeps, signal?: AbortSignal): Promise<ArchiveCost> {
  const { settings, archive } = deps;
  if (settings.key === undefined) return { kind: "off" };
  assertMaySpend(settings);
  const left = settings.dailyWinston - (await deps.spent());
  const gateway = await archive();
  const winston = await gateway.price(bytes, signal).catch((error: unknown) => {
    if (isEngramError(error, "ARCHIVE_UNREACHABLE")) return undefined;
    throw error;
  });
  if (winston === undefined) {
    if (left <= 0) throw overBudget(1, left);
    return { kind: "unpriced", maxWinston: left };
  }
  if (winston > left) throw overBudget(winston, left);
  return { kind: "priced", winston, maxWinston: Math.min(roomFor(winston), left) };
}

/** Throws `ARCHIVE_BUDGET` where a wallet is configured and nothing may be spent from it. */
export function assertMaySpend({ key, dailyWinston }: ArchiveSettings): void {
  if (key === undefined || dailyWinston > 0) return;
  throw new EngramError("ARCHIVE_BUDGET", "a wallet is configured, but nothing may be spent", {
    fix: `set ${ARCHIVE_LIMIT_VARIABLE} to what a day's archiving may cost in winston (10^12 winston are 1 AR), or unset ARWEAVE_KEY`,
  });
}

/** A little more than the price, and round: prices move, and a consent should outlive that. */
function roomFor(winston: number): number {
  const wanted = Math.ceil(winston * 1.2);
  const step = 10 ** Math.max(0, String(wanted).length - 2);
  return Math.ceil(wanted / step) * step;
}
