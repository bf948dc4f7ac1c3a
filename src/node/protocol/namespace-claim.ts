import { z } from "zod";
import { Secret } from "../runtime/secret.ts";
import { lenientTimestamp, optional, text } from "./fields.ts";

/** The namespace fields of a body (spec 6.2, 6.3). */
export const namespaceFields = z.object({
  namespace: optional(text),
  namespace_hotkey: optional(text),
  namespace_sig: optional(text),
  namespace_timestamp_ms: lenientTimestamp,
  namespace_key: optional(text),
});

/** A request about a private namespace, as claimed: nothing of it is verified. */
export interface NamespaceClaim {
  readonly name: string;
  readonly hotkey: string | undefined;
  readonly signature: string | undefined;
  readonly timestampMs: bigint | undefined;
  /** A namespace key in clear, of the old scheme (M-W4): it may open what is there already, and only to be queried. */
  readonly legacyKey: Secret<string> | undefined;
}

/** The claim in a body's fields; `undefined` means the public space. */
export function claimOf(fields: z.output<typeof namespaceFields>): NamespaceClaim | undefined {
  if (fields.namespace === undefined) return undefined;
  return {
    name: fields.namespace,
    hotkey: fields.namespace_hotkey,
    signature: fields.namespace_sig,
    timestampMs: fields.namespace_timestamp_ms,
    legacyKey: fields.namespace_key === undefined ? undefined : new Secret(fields.namespace_key),
  };
}
