import { z } from "zod";
import type { OpenEngramOptions } from "../open-engram.ts";
import { flag, parseVariables, readEnvironment, sharedVariables } from "../runtime/config.ts";

const clientVariables = sharedVariables.extend({
  ENGRAM_CHAIN: z.string().optional(),
  ENGRAM_MINERS: z.string().optional(),
  ENGRAM_PRIVATE_ON_REFERENCE_MINERS: flag.optional(),
});

/** What the environment says about the memory client. Throws `CONFIG_INVALID`. */
export function readClientSettings(): {
  readonly logLevel: string;
  readonly engram: Pick<OpenEngramOptions, "chain" | "miners" | "privateOnReferenceMiners">;
} {
  const variables = parseVariables(clientVariables, readEnvironment());
  const { ENGRAM_CHAIN, ENGRAM_MINERS, ENGRAM_PRIVATE_ON_REFERENCE_MINERS } = variables;
  return {
    // What a command fails of it tells itself; the log is for what happens beside it.
    logLevel: variables.ENGRAM_LOG_LEVEL ?? variables.LOG_LEVEL ?? "error",
    engram: {
      ...(ENGRAM_CHAIN !== undefined && { chain: ENGRAM_CHAIN }),
      ...(ENGRAM_MINERS !== undefined && { miners: ENGRAM_MINERS }),
      ...(ENGRAM_PRIVATE_ON_REFERENCE_MINERS && { privateOnReferenceMiners: true }),
    },
  };
}
