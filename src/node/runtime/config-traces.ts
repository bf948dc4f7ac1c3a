import { z } from "zod";
import { type Environment, flag, parseVariables } from "./config.ts";
import { Secret } from "./secret.ts";

const url = z.url({ protocol: /^https?$/, error: "must be an http or https address" });
const headers = z
  .string()
  .refine((text) => readHeaders(text) !== null, "must be name=value pairs separated by commas")
  .default("");

/** The names that OpenTelemetry gives them, where it gives one. */
export const traceVariables = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers,
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: headers,
  OTEL_SERVICE_NAME: z.string().max(100).optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number("must be a number").min(0).max(1).default(1),
  OTEL_SDK_DISABLED: flag.default(false),
  ENGRAM_TRACES_FROM_STRANGERS: z.coerce.number("must be a number").min(0).max(10_000).default(10),
});

export interface TraceConfig {
  /** Where spans are sent, OTLP over HTTP. */
  readonly url: string;
  /** Of each request there; they may hold a token. */
  readonly headers: Secret<Readonly<Record<string, string>>>;
  /** What the process is called in traces; its part of Engram when not given. */
  readonly serviceName: string | undefined;
  /** The share of traces that is recorded, of those that begin here and of strangers'. */
  readonly ratio: number;
  /** Traces a second that are recorded because a stranger asked for it. */
  readonly strangersPerSecond: number;
}

/** Undefined: nothing is recorded or sent. */
export function traceConfig(variables: z.output<typeof traceVariables>): TraceConfig | undefined {
  const base = variables.OTEL_EXPORTER_OTLP_ENDPOINT;
  const own = variables.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const endpoint = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, "")}/v1/traces`);
  if (endpoint === undefined || variables.OTEL_SDK_DISABLED) return undefined;
  const all = {
    ...readHeaders(variables.OTEL_EXPORTER_OTLP_HEADERS),
    ...readHeaders(variables.OTEL_EXPORTER_OTLP_TRACES_HEADERS),
  };
  return {
    url: endpoint,
    headers: new Secret(all),
    serviceName: variables.OTEL_SERVICE_NAME,
    ratio: variables.OTEL_TRACES_SAMPLER_ARG,
    strangersPerSecond: variables.ENGRAM_TRACES_FROM_STRANGERS,
  };
}

/** Of a process that has no configuration of its own. Errors: `CONFIG_INVALID`. */
export function traceConfigOf(environment: Environment): TraceConfig | undefined {
  return traceConfig(parseVariables(traceVariables, environment));
}

/** Percent-encoded, as the W3C's baggage is; null for what is no such list. */
function readHeaders(text: string): Readonly<Record<string, string>> | null {
  const found: Record<string, string> = {};
  for (const pair of text.split(",")) {
    if (pair.trim() === "") continue;
    const [, name, value] = /^\s*([A-Za-z0-9-]{1,100})\s*=\s*([\x21-\x7e][\x20-\x7e]*?)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) return null;
    try {
      found[name.toLowerCase()] = decodeURIComponent(value);
    } catch {
      return null;
    }
  }
  return found;
}
