import { EngramError } from "../../crypto/errors.ts";
import { flag } from "../../node/runtime/config.ts";
import type { PaymentToken } from "./payment-tokens.ts";

/** Part of every configuration that names payment networks. */
export const mainnetVariable = { ENGRAM_PAYMENT_MAINNET: flag.default(false) } as const;

/** Real money moves only where somebody switched it on, beside naming the network. Errors: `CONFIG_INVALID`. */
export function requireSwitch(tokens: readonly PaymentToken[], isOn: boolean): void {
  if (isOn || !tokens.some(({ real }) => real)) return;
  throw new EngramError("CONFIG_INVALID", "eip155:8453 moves real dollars, and nobody switched that on", {
    fix: "set ENGRAM_PAYMENT_MAINNET=true, or use the test network eip155:84532",
  });
}
