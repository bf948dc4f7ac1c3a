import { z } from "zod";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { Secret } from "../runtime/secret.ts";
import { lenientTimestamp, optional, readFields, text } from "./fields.ts";
import { MAX_NAMESPACE_CHARACTERS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** spec 8.10. */
export interface AttestRequest {
  readonly namespace: string;
  readonly ownerHotkey: string;
  readonly signature: string;
  /** Unix milliseconds. */
  readonly timestampMs: bigint;
}

export const attestFields = z.object({
  namespace: optional(text),
  owner_hotkey: optional(text),
  signature: optional(text),
  timestamp_ms: lenientTimestamp,
});

export function readAttestRequest(body: SubnetObject): AttestRequest {
  const { namespace, owner_hotkey, signature, timestamp_ms } = readFields(attestFields, body);
  if (namespace === undefined || owner_hotkey === undefined || signature === undefined || !timestamp_ms) {
    throw new Refusal(400, "give namespace, owner_hotkey, signature and timestamp_ms");
  }
  return { namespace, ownerHotkey: owner_hotkey, signature, timestampMs: timestamp_ms };
}

/** spec 8.12, of namespaces of the old scheme; `after` pages through `list`. */
export interface NamespaceAdminRequest {
  readonly action: string;
  readonly namespace: string | undefined;
  readonly key: Secret<string> | undefined;
  readonly newKey: Secret<string> | undefined;
  readonly after: string;
}

export const namespaceAdminFields = z.object({
  action: text,
  namespace: optional(text),
  key: optional(text),
  new_key: optional(text),
  after: optional(text),
});

export function readNamespaceAdminRequest(body: SubnetObject): NamespaceAdminRequest {
  const { action, namespace, key, new_key, after } = readFields(namespaceAdminFields, body);
  const secret = (value: string | undefined) => (value === undefined ? undefined : new Secret(value));
  return { action, namespace, key: secret(key), newKey: secret(new_key), after: after ?? "" };
}

/** What the owner of a namespace asks for it over auth2: a new owner, or its end. */
export type NamespaceOwnerRequest =
  | { readonly action: "rotate"; readonly namespace: string; readonly to: Hotkey; readonly toSignature: string }
  | { readonly action: "delete"; readonly namespace: string };

const namespace = text.min(1, "must not be empty").max(MAX_NAMESPACE_CHARACTERS, "is longer than any namespace");
const hotkey = text.refine(isHotkey, "must be an SS58 address of prefix 42");

export const namespaceOwnerFields = z.discriminatedUnion("action", [
  z.object({ action: z.literal("rotate"), namespace, new_hotkey: hotkey, new_signature: text.max(200, "is too long") }),
  z.object({ action: z.literal("delete"), namespace }),
]);

export function readNamespaceOwnerRequest(body: SubnetObject): NamespaceOwnerRequest {
  const fields = readFields(namespaceOwnerFields, body);
  if (fields.action === "delete") return fields;
  const { new_hotkey, new_signature, ...rest } = fields;
  return { ...rest, to: new_hotkey, toSignature: new_signature };
}
