import { z } from "zod";
import { type Environment, parseVariables, readEnvironment } from "./config.ts";

const MODES = ["auto", "kernel", "plain"] as const;

/**
 * How vectors are scanned: `auto` by the WebAssembly kernel where there is enough to scan and the machine has what it
 * needs; `kernel` always by it, else not at all; `plain` never. The answers are the same.
 */
export type ScanMode = (typeof MODES)[number];

const variables = z.object({
  ENGRAM_SCAN: z.enum(MODES, `must be one of ${MODES.join(", ")}`).default("auto"),
});

/** `ENGRAM_SCAN` of this process. Throws `CONFIG_INVALID`. */
export function readScanMode(environment: Environment = readEnvironment()): ScanMode {
  return parseVariables(variables, environment).ENGRAM_SCAN;
}
