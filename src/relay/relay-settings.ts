import { z } from "zod";
import { EngramError } from "../crypto/errors.ts";
import { isHotkey } from "../crypto/ss58.ts";
import { type Environment, flag, parseVariables } from "../node/runtime/config.ts";
import { ANCHOR_RULES, type AnchorRule } from "./anchor.ts";
import type { SchemaVersion } from "./payload/types.ts";
import type { GatewayAddress } from "./submit.ts";
import { isGrpc } from "./transport/open-transport.ts";

/** How a process relays. */
export interface RelaySettings {
  readonly netuid: number;
  readonly schemaVersion: SchemaVersion;
  /** Signatures a ranking should have, the proposer's included. */
  readonly quorumMin: number;
  readonly deadlineMs: number;
  /** Told when submissions keep failing; absent: log and metrics alone. */
  readonly alertUrl?: string | undefined;
  /** So long what has ended is kept whole; 30 days. */
  readonly retentionMs?: number;
  /** Whether rounds are anchored on the chain; `auto` when absent. */
  readonly anchor?: AnchorRule;
  /** Null: dry run, nothing is queued or sent. */
  readonly gateway: GatewayAddress | null;
}

/** The names of the reference (spec 2.1, 14) and, for the pinned hotkey, ours. */
const variables = z.object({
  NETUID: z.coerce.number().int().min(0).max(65_535).default(450),
  XERIS_RELAY_URL: z
    .url({ protocol: /^(https?|grpcs?)$/, error: "must be an http, https, grpc or grpcs URL" })
    .refine((url) => !isGrpc(url) || /^grpcs?:\/\/[^/?#@]+:[0-9]+\/?$/i.test(url), "must be like grpc://host:port")
    .optional(),
  XERIS_RELAY_TIMEOUT: z.coerce.number().positive().max(300).default(10),
  ENGRAM_RELAY_ENABLED: flag.default(true),
  ENGRAM_GATEWAY_HOTKEY: z.string().refine(isHotkey, "must be an SS58 address of prefix 42").optional(),
  RELAY_SCHEMA: z.enum(["v1", "v2"], "must be v1 or v2").default("v2"),
  RELAY_ALERT_WEBHOOK_URL: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional(),
  RELAY_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  RELAY_ANCHOR: z.enum(ANCHOR_RULES, "must be auto, always or never").default("auto"),
  RELAY_QUORUM_MIN: z.coerce.number().int().min(1).max(64).default(2),
});

/** Errors: `CONFIG_INVALID`, also for a URL without the hotkey whose receipts count. */
export function relaySettings(environment: Environment): RelaySettings {
  const values = parseVariables(variables, environment);
  const url = values.ENGRAM_RELAY_ENABLED ? values.XERIS_RELAY_URL : undefined;
  const hotkey = values.ENGRAM_GATEWAY_HOTKEY;
  if (url !== undefined && hotkey === undefined) {
    throw new EngramError("CONFIG_INVALID", "XERIS_RELAY_URL is set without ENGRAM_GATEWAY_HOTKEY", {
      fix: "set it to the hotkey that GET /v1/gateway shows: only receipts it signed count as delivered",
    });
  }
  return {
    netuid: values.NETUID,
    schemaVersion: `engram-${values.RELAY_SCHEMA}`,
    quorumMin: values.RELAY_QUORUM_MIN,
    deadlineMs: values.XERIS_RELAY_TIMEOUT * 1_000,
    alertUrl: values.RELAY_ALERT_WEBHOOK_URL,
    retentionMs: values.RELAY_RETENTION_DAYS * 86_400_000,
    anchor: values.RELAY_ANCHOR,
    gateway: url === undefined || hotkey === undefined ? null : { url: gatewayBase(url), hotkey },
  };
}

const metricsVariable = z.object({ RELAY_METRICS_PORT: z.coerce.number().int().min(0).max(65_535).optional() });

/** Where the relay's metrics are served alone; undefined: nowhere. Errors: `CONFIG_INVALID`. */
export function metricsPortOf(environment: Environment): number | undefined {
  return parseVariables(metricsVariable, environment).RELAY_METRICS_PORT;
}

/** The reference's URL names the route itself; ours is the gateway's. */
function gatewayBase(url: string): string {
  return url.replace(/\/+$/, "").replace(/\/relay$/, "");
}
