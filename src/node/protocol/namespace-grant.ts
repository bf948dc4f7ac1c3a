import { z } from "zod";
import { verifyHotkeySignature } from "../../crypto/request-auth.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { objectFromPlain, type SubnetObject, toPlain } from "../../crypto/subnet-json.ts";
import { writeCanonical } from "../../crypto/subnet-json-writer.ts";
import { MAX_NAMESPACE_CHARACTERS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** Readers of one namespace at a time: each has a letter at every miner. */
export const MAX_READERS = 100;
/** Each revocation begins an epoch, and each reader is given all of them. */
export const MAX_EPOCHS = 200;
const MAX_LETTER_CHARACTERS = 24 * 1024;
/** All letters of all readers: an epoch that a miner could not be told would never end a grant there. */
export const MAX_LETTERS_BODY_BYTES = MAX_READERS * (MAX_LETTER_CHARACTERS + 256);
export const MAX_GRANT_BODY_BYTES = 16 * 1024;

const hotkey = z.string().refine((text): text is Hotkey => isHotkey(text), "must be an SS58 address of prefix 42");
const namespace = z.string().min(1).max(MAX_NAMESPACE_CHARACTERS);
const epoch = z.int().min(0).max(MAX_EPOCHS);
const time = z.int().min(0);

const grantSchema = z.object({
  chain: z.string().max(200),
  /** The wire name. */
  namespace,
  owner: hotkey,
  reader: hotkey,
  rights: z.literal("read"),
  /** Miners take no grant of an older epoch than the newest the owner told them. */
  epoch,
  /** 32 hex digits. */
  id: z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hex digits"),
  /** Of the secrets that the owner sealed to the reader; it tells nothing of them. */
  secrets: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hex digits"),
  /** Unix milliseconds, as the next. */
  issued_at: time,
  expires_at: time,
});

export const signedGrantSchema = grantSchema.extend({ signature: z.string().max(200) });

/** The owner's word that a hotkey may read a private namespace at miners. */
export type NamespaceGrant = z.output<typeof grantSchema>;
export type SignedGrant = z.output<typeof signedGrantSchema>;

/** The bytes an owner signs. */
export function grantMessage(grant: NamespaceGrant): Uint8Array {
  const { chain, namespace, owner, reader, rights, epoch, id, secrets, issued_at, expires_at } = grant;
  const fields = { chain, namespace, owner, reader, rights, epoch, id, secrets, issued_at, expires_at };
  return Buffer.from(`engram-grant/1:${writeCanonical(objectFromPlain(fields))}`, "utf8");
}

/** Whether the owner that it names signed it; whose the namespace is, and what time it is, is not looked at. */
export function isOwnersWord(sr25519: Sr25519, { signature, ...grant }: SignedGrant): boolean {
  return verifyHotkeySignature(sr25519, grant.owner, grantMessage(grant), signature);
}

/** A list or query of a reader: what it is granted beside the namespace it names. Throws `Refusal` 400. */
export function readGrantedRequest(body: SubnetObject): { readonly namespace: string; readonly grant: SignedGrant } {
  return read(grantedFields, body);
}

/** `POST /NamespaceGrants`: the newest epoch, and what the readers in it are to be given, sealed to them. */
export type NamespaceLetters = z.output<typeof lettersFields>;

const grantedFields = z.object({ namespace, grant: signedGrantSchema });

export const lettersFields = z.object({
  namespace,
  epoch,
  /** Absent: the sender does not know who reads it, and those of this epoch stay. */
  letters: z
    .array(z.object({ reader: hotkey, sealed: z.string().max(MAX_LETTER_CHARACTERS) }))
    .max(MAX_READERS)
    .optional(),
});

export const letterFields = z.object({ namespace });

/** Throws `Refusal` 400. */
export function readLetters(body: SubnetObject): NamespaceLetters {
  return read(lettersFields, body);
}

/** Throws `Refusal` 400. */
export function readLetterRequest(body: SubnetObject): { readonly namespace: string } {
  return read(letterFields, body);
}

function read<T extends z.ZodType>(schema: T, body: SubnetObject): z.output<T> {
  const parsed = schema.safeParse(toPlain(body));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Refusal(400, `${issue?.path.join(".") || "the body"} ${issue?.message ?? "is malformed"}`);
}
