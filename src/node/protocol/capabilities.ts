import { z } from "zod";
import { verifyHotkeySignature } from "../../crypto/request-auth.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { objectFromPlain } from "../../crypto/subnet-json.ts";
import { writeCanonical } from "../../crypto/subnet-json-writer.ts";

/**
 * What a miner says about itself in `GET /health` → `caps` (extra keys are ignored by the reference):
 * - `private1`: keeps a private record in its namespace, never pushes it on, deletes it at its owner's word, and
 *   answers 404 about it to everyone else;
 * - `expiry1`: honours `expires_at` beside a record;
 * - `auth2`: takes btauth/1 headers, each nonce once, and signs its replies to them;
 * - `keyshare2`: keeps key shares, over `auth2` alone, sealed to the `x25519` key of this statement;
 * - `proof2`: answers challenges over `auth2`, up to 64 records at a time, with an HMAC over all bytes of vector and
 *   metadata, bound to CID, nonce, expiry, sender and itself (F5);
 * - `nsowner1`: hands a namespace to a new key at its owner's word over `auth2`, or ends it with all its records; the
 *   name of an ended one is nobody else's ever;
 * - `grant1`: lets a reader whom the owner of a private namespace granted it list and query it over `auth2`, until the grant
 *   expires or the owner names a newer epoch, and keeps the owner's letters for the readers of that epoch.
 */
export const CAPABILITY_NAMES = ["private1", "expiry1", "auth2", "keyshare2", "proof2", "nsowner1", "grant1"] as const;

/**
 * Of miners with a wallet: archives on Arweave what a record names, at its owner's word over `auth2`, and says in
 * `GET /retrieve/{cid}` whether the archived bytes are those of the record's `content_cid`.
 */
export const ARCHIVE_CAPABILITY = "archive1";

const statementSchema = z.object({
  /** Unsigned statements of another chain must not count here. */
  chain: z.string().max(200),
  hotkey: z.string().refine((text): text is Hotkey => isHotkey(text), "not an address"),
  caps: z.array(z.string().max(32)).max(64),
  profile: z.object({
    model: z.string().max(200),
    dim: z.number().int().min(1).max(65_536),
    normalized: z.boolean(),
  }),
  endpoint: z.string().max(300),
  /** Unix milliseconds. */
  issued_at: z.number().int().min(0),
  /** Public key that key shares are sealed to, 64 hex digits. */
  x25519: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

const signedSchema = statementSchema.extend({ signature: z.string().max(200) });

export type CapabilityStatement = z.infer<typeof statementSchema>;
export type SignedCapabilities = z.infer<typeof signedSchema>;

/** The bytes a miner's hotkey signs. */
export function capabilityMessage(statement: CapabilityStatement): Uint8Array {
  const { chain, hotkey, caps, profile, endpoint, issued_at, x25519 } = statement;
  const own = { chain, hotkey, caps, profile, endpoint, issued_at };
  const document = objectFromPlain(x25519 === undefined ? own : { ...own, x25519 });
  return Buffer.from(`engram-caps/1:${writeCanonical(document)}`, "utf8");
}

/** The statement in a `caps` value when its own hotkey signed it; anything else is `undefined`: unsigned is none. */
export function verifyCapabilities(sr25519: Sr25519, value: unknown): SignedCapabilities | undefined {
  const signed = signedSchema.safeParse(value);
  if (!signed.success) return undefined;
  const { signature, ...statement } = signed.data;
  return verifyHotkeySignature(sr25519, statement.hotkey, capabilityMessage(statement), signature)
    ? signed.data
    : undefined;
}
