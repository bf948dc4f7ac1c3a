import { z } from "zod";
import { fromBase64url, toBase64url } from "../../../crypto/base64url.ts";
import { openEnvelope, sealEnvelope } from "../../../crypto/envelope.ts";
import { EngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import { type NamespaceSecret, readerKeyPair } from "../../../crypto/keys.ts";
import { type ShownName, shownName } from "../../../crypto/namespace-name.ts";
import { secretsDigest } from "../../../crypto/sharing-keys.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { Wallet } from "../../chain/wallet.ts";
import {
  grantMessage,
  isOwnersWord,
  MAX_EPOCHS,
  type NamespaceGrant,
  type SignedGrant,
  signedGrantSchema,
} from "../../protocol/namespace-grant.ts";
import { Secret } from "../../runtime/secret.ts";
import type { KnownMiner } from "../replication/miner-client.ts";
import { parseMinerList } from "../replication/miner-list.ts";
import type { Reader } from "./reader-address.ts";

const CODE_PREFIX = "engram-invitation-";
const MAX_CODE_CHARACTERS = 64 * 1024;
const MAX_MINERS = 64;
/** Of their addresses together, so that a letter of the last epoch fits what miners keep. */
const MAX_MINERS_CHARACTERS = 4 * 1024;

const letterSchema = z.object({
  name: z.string().max(512),
  grant: signedGrantSchema,
  /** Of the epochs from 0 on. */
  secrets: z
    .array(z.string().length(44))
    .min(1)
    .max(MAX_EPOCHS + 1),
  /** `hotkey@url`: where the namespace's records are. */
  miners: z.array(z.string().max(400)).max(MAX_MINERS),
  /** Of an invitation, unix milliseconds. */
  join_by: z.int().optional(),
});

/** What an owner gives a reader: a grant, and what opens the records. Holds secrets. */
export interface Letter {
  readonly name: ShownName;
  readonly grant: SignedGrant;
  readonly secrets: Secret<readonly NamespaceSecret[]>;
  readonly miners: readonly KnownMiner[];
  readonly joinBy: number | undefined;
}

export interface LetterToWrite {
  readonly name: ShownName;
  readonly grant: Omit<NamespaceGrant, "secrets">;
  readonly secrets: readonly NamespaceSecret[];
  readonly miners: readonly KnownMiner[];
  readonly joinBy?: number;
}

/** A letter, signed by the owner's wallet and sealed to the reader. */
export function writeLetter(wallet: Wallet, reader: Reader, letter: LetterToWrite): string {
  const grant = { ...letter.grant, secrets: secretsDigest(letter.secrets) };
  const content: z.input<typeof letterSchema> = {
    name: letter.name,
    grant: { ...grant, signature: toHex(wallet.sign(grantMessage(grant))) },
    secrets: letter.secrets.map(toBase64url),
    miners: addressesOf(letter.miners),
    ...(letter.joinBy === undefined ? {} : { join_by: letter.joinBy }),
  };
  return sealEnvelope(Buffer.from(JSON.stringify(content), "utf8"), reader.key);
}

/**
 * Opens a letter to this wallet: the grant is its owner's word and this reader's, and the secrets are those it was given
 * with. Errors: `INVITATION_INVALID`; all that can be wrong with a sealed text is one error.
 */
export function openLetter(sr25519: Sr25519, wallet: Wallet, sealed: string): Letter {
  const content = letterSchema.safeParse(parsed(wallet, sealed));
  if (!content.success) throw invalid("what it holds is not an invitation");
  const { name, grant, miners, join_by } = content.data;
  const secrets = content.data.secrets.flatMap((text) => (fromBase64url(text) as NamespaceSecret | undefined) ?? []);
  const whole = secrets.length === grant.epoch + 1 && secretsDigest(secrets) === grant.secrets;
  if (!whole || grant.reader !== wallet.hotkey || !isOwnersWord(sr25519, grant)) {
    throw invalid("its owner did not sign it for this wallet");
  }
  return {
    name: shownName(name),
    grant,
    secrets: new Secret(secrets),
    miners: parseMinerList(miners.join(",")),
    joinBy: join_by,
  };
}

function addressesOf(miners: readonly KnownMiner[]): string[] {
  const addresses: string[] = [];
  let room = MAX_MINERS_CHARACTERS;
  for (const { hotkey, url } of miners.slice(0, MAX_MINERS)) {
    const address = `${hotkey}@${url}`;
    if (address.length + 3 > room) continue;
    room -= address.length + 3;
    addresses.push(address);
  }
  return addresses;
}

/** A letter as a code that people pass on. */
export function codeOf(sealed: string): string {
  return CODE_PREFIX + sealed.replace(/=+$/, "");
}

/** The sealed letter in a code. Errors: `INVITATION_INVALID`. */
export function sealedIn(code: string): string {
  // Mail programs break long lines.
  const text = code.replace(/\s+/g, "");
  if (!text.startsWith(CODE_PREFIX) || text.length > MAX_CODE_CHARACTERS) {
    throw invalid(`a code begins with ${CODE_PREFIX}`);
  }
  return text.slice(CODE_PREFIX.length);
}

function parsed(wallet: Wallet, sealed: string): unknown {
  try {
    return JSON.parse(
      Buffer.from(openEnvelope(sealed, readerKeyPair(wallet.memoryRoot.reveal()).privateKey)).toString("utf8"),
    );
  } catch {
    throw invalid("it does not open with this wallet");
  }
}

function invalid(why: string): EngramError {
  return new EngramError("INVITATION_INVALID", `this invitation cannot be used: ${why}`, {
    fix: "check that all of it was copied, and that it was made for the address `engram namespaces request` prints here",
  });
}
