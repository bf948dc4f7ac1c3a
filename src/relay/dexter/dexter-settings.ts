import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { isLoopback } from "../../node/chain/loopback.ts";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import { Secret } from "../../node/runtime/secret.ts";
import { parseMicroDollars } from "../payment/micro-dollars.ts";

/** What an agent may do at Dexter's, or any other MCP server, in one run. */
export interface DexterSettings {
  readonly url: string;
  readonly token: Secret<string> | undefined;
  /** The tools that may be called; whatever else the server offers is not looked at. */
  readonly tools: readonly string[];
  readonly maxCalls: number;
  /** For all calls together. */
  readonly maxMs: number;
  /** For one call. */
  readonly callMs: number;
  readonly maxResultBytes: number;
  /** Millionths of a dollar, beside the day's budget. */
  readonly maxSpend: number;
}

const whole = z.coerce.number("must be a number").int("must be a whole number").min(1);

const variables = z.object({
  DEXTER_MCP_URL: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional(),
  DEXTER_MCP_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/, "must be a bearer token")
    .optional(),
  DEXTER_TOOLS: z.string().default(""),
  DEXTER_MAX_CALLS: whole.max(100).default(10),
  DEXTER_MAX_SECONDS: whole.max(3_600).default(120),
  DEXTER_CALL_SECONDS: whole.max(600).default(20),
  DEXTER_MAX_RESULT_BYTES: whole.max(16_777_216).default(262_144),
  DEXTER_MAX_USD: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,18})?$/, 'must be an amount in dollars such as "0.05"')
    .default("0.05"),
});

/** Undefined where `DEXTER_MCP_URL` is not set. Errors: `CONFIG_INVALID`. */
export function dexterSettings(environment: Environment): DexterSettings | undefined {
  const found = parseVariables(variables, environment);
  const { DEXTER_MCP_URL: url, DEXTER_MCP_TOKEN: token } = found;
  if (url === undefined) return undefined;
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !isLoopback(hostname)) {
    throw new EngramError("CONFIG_INVALID", "DEXTER_MCP_URL without TLS leaves this machine", {
      fix: "give its https address",
    });
  }
  return {
    url,
    token: token === undefined ? undefined : new Secret(token),
    tools: found.DEXTER_TOOLS.split(",").flatMap((name) => name.trim() || []),
    maxCalls: found.DEXTER_MAX_CALLS,
    maxMs: found.DEXTER_MAX_SECONDS * 1_000,
    callMs: found.DEXTER_CALL_SECONDS * 1_000,
    maxResultBytes: found.DEXTER_MAX_RESULT_BYTES,
    maxSpend: parseMicroDollars(found.DEXTER_MAX_USD, "down"),
  };
}
