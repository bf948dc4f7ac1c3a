import { EngramError } from "../../crypto/errors.ts";

/**
 * Millionths of a dollar of an amount as people write it ("0.001", "$2"). What is below a millionth counts as a whole
 * one for a price and as none for a limit: arithmetic gives nothing away (V-W43). Throws `AMOUNT_INVALID`.
 */
export function parseMicroDollars(text: string, below: "up" | "down"): number {
  const [, whole, fraction = ""] = /^\$?(\d{1,9})(?:\.(\d{1,18}))?$/.exec(text.trim()) ?? [];
  if (whole === undefined) {
    throw new EngramError("AMOUNT_INVALID", "this is no amount in dollars", { fix: 'write it like "0.05"' });
  }
  const micro = Number(whole) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
  return below === "up" && /[1-9]/.test(fraction.slice(6)) ? micro + 1 : micro;
}

/** "$0.001" of 1000. */
export function formatMicroDollars(micro: number): string {
  const fraction = `${micro % 1_000_000}`.padStart(6, "0").replace(/0{1,4}$/, "");
  return `$${Math.floor(micro / 1_000_000)}.${fraction}`;
}
