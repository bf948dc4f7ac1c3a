import { z } from "zod";
import { type Environment, parseVariables } from "./config.ts";

const variables = z.object({
  NETUID: z.coerce.number("must be a number").int("must be a whole number").min(0).max(65_535).optional(),
  ENGRAM_MAX_REGISTRATION_TAO: z.coerce.number("must be a number").min(0, "must not be negative").optional(),
});

/**
 * What `openChain` is told beside the chain: `NETUID` and `ENGRAM_MAX_REGISTRATION_TAO` where they are set. Throws
 * `CONFIG_INVALID`.
 */
export function readSubnetOptions(environment: Environment): {
  readonly netuid?: number;
  readonly maxRegistrationTao?: number;
} {
  const { NETUID: netuid, ENGRAM_MAX_REGISTRATION_TAO: most } = parseVariables(variables, environment);
  return { ...(netuid === undefined ? {} : { netuid }), ...(most === undefined ? {} : { maxRegistrationTao: most }) };
}
