import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { sharedVariables } from "./config.ts";
import { type TraceConfig, traceConfig, traceVariables } from "./config-traces.ts";
import { type OperatorAddress, operatorAddress, operatorVariables } from "./operator-listener.ts";
import type { TlsFiles } from "./tls-certificate.ts";
import { isTrustedProxyList } from "./trusted-proxies.ts";

/** What every process that serves others reads. */
export const serviceVariables = sharedVariables
  .extend(operatorVariables.shape)
  .extend(traceVariables.shape)
  .extend({
    ENGRAM_TLS_CERT_FILE: z.string().optional(),
    ENGRAM_TLS_KEY_FILE: z.string().optional(),
    ENGRAM_TRUSTED_PROXIES: z
      .string()
      .refine(isTrustedProxyList, "must be addresses or networks separated by commas, as 127.0.0.1 or 10.0.0.0/8")
      .default(""),
    ENGRAM_DRAIN_SECONDS: z.coerce.number("must be a number").min(0).max(3).default(1),
  });

/** Where others reach a service whose own address they do not see, as `https://miner.example.org`. */
export const publicUrl = z
  .url({ protocol: /^https?$/, error: "must be an address like https://miner.example.org" })
  .transform((text, context) => {
    const url = new URL(text);
    if (url.href !== `${url.origin}/`) context.addIssue({ code: "custom", message: "must have no path" });
    return url.origin;
  });

export interface ServiceConfig extends OperatorAddress {
  /** Undefined: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  /** Proxies whose word about the client's address and TLS counts. */
  readonly trustedProxies: string;
  /** Between the first 503 at `/ready` and the end of accepting. */
  readonly drainMs: number;
  /** Undefined: no traces are made. */
  readonly traces: TraceConfig | undefined;
}

/** Throws `CONFIG_INVALID` when half of a certificate is named. */
export function serviceConfig(variables: z.output<typeof serviceVariables>): ServiceConfig {
  const { ENGRAM_TLS_CERT_FILE: certFile, ENGRAM_TLS_KEY_FILE: keyFile } = variables;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new EngramError("CONFIG_INVALID", "a certificate needs its key, and a key its certificate", {
      fix: "set both ENGRAM_TLS_CERT_FILE and ENGRAM_TLS_KEY_FILE, or neither",
    });
  }
  return {
    ...operatorAddress(variables),
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    trustedProxies: variables.ENGRAM_TRUSTED_PROXIES,
    drainMs: variables.ENGRAM_DRAIN_SECONDS * 1000,
    traces: traceConfig(variables),
  };
}
