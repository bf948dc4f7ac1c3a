import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { ChainClient } from "../ports.ts";
import { LocalChain } from "./local/local-chain.ts";

/** The chain that `ENGRAM_CHAIN` names. `home` is the data folder. Errors: `CHAIN_UNKNOWN`. */
export function openChain(setting: string, home: string): ChainClient {
  if (setting === "local") return new LocalChain({ path: join(home, "chain.db") });
  throw new EngramError("CHAIN_UNKNOWN", "ENGRAM_CHAIN names a chain this version does not know", {
    fix: "available: local (a simulated chain in the data folder); set ENGRAM_CHAIN=local",
  });
}
