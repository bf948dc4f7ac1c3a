import {
  directorySecret,
  directoryWireName,
  type MemoryRoot,
  type NamespaceSecret,
  namespaceKeyPair,
  namespaceSecret,
  wireName,
} from "../../../crypto/keys.ts";
import type { ShownName } from "../../../crypto/namespace-name.ts";
import type { X25519Pair } from "../../../crypto/x25519.ts";

/** What the owner needs to write and read the records of one private namespace. Holds secrets: print nothing of it. */
export interface NamespaceAccess {
  /** The only name that is ever sent. */
  readonly wireName: string;
  /** Of the newest epoch: what is written now is sealed and proved by it. */
  readonly secret: NamespaceSecret;
  readonly epoch: number;
  readonly keys: X25519Pair;
  /** What the records of earlier epochs open with, newest first. */
  readonly older: readonly EpochKeys[];
  /** Seeds sealed vectors, in every epoch: they say nothing, so they need not change. Unknown to those who only read. */
  readonly vectorSecret: NamespaceSecret;
}

/** What opens the records of one epoch. */
interface EpochKeys {
  readonly secret: NamespaceSecret;
  readonly keys: X25519Pair;
}

export interface NamespaceDescription {
  readonly name: ShownName;
  readonly epoch: number;
  /** The wire name is the shown one, so that reference clients can name it. */
  readonly plainName: boolean;
  /** Its records carry obfuscated vectors. */
  readonly remoteSearch?: boolean;
}

/** The access to a private namespace, derived from the wallet's root alone. */
export function namespaceAccess(root: MemoryRoot, { name, epoch, plainName }: NamespaceDescription): NamespaceAccess {
  const secrets = namespaceSecrets(root, { name, epoch });
  const [first] = secrets as [NamespaceSecret];
  return { ...accessWith(plainName ? name : wireName(first, name), secrets), vectorSecret: first };
}

/** The secrets of the epochs from 0 to the newest. */
export function namespaceSecrets(
  root: MemoryRoot,
  { name, epoch }: Pick<NamespaceDescription, "name" | "epoch">,
): readonly NamespaceSecret[] {
  return Array.from({ length: epoch + 1 }, (_, one) => namespaceSecret(root, name, one));
}

/** The access of who was given the secrets of the epochs from 0 on, at least one. */
export function accessWith(wireName: string, secrets: readonly NamespaceSecret[]): NamespaceAccess {
  const [newest, ...older] = secrets
    .map((secret, epoch) => ({ secret, keys: namespaceKeyPair(secret, epoch) }))
    .reverse();
  if (!newest) throw new RangeError("an access has at least one secret");
  return { wireName, ...newest, epoch: secrets.length - 1, older, vectorSecret: newest.secret };
}

/** The access to the directory namespace, which names all others (design: keys and recovery). */
export function directoryAccess(root: MemoryRoot): NamespaceAccess {
  const secret = directorySecret(root);
  return accessWith(directoryWireName(root), [secret]);
}
