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
  readonly secret: NamespaceSecret;
  readonly epoch: number;
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
  const secret = namespaceSecret(root, name);
  const wire = plainName ? name : wireName(secret, name);
  return { wireName: wire, secret, epoch, keys: namespaceKeyPair(secret, epoch) };
}

/** The access to the directory namespace, which names all others (design: keys and recovery). */
export function directoryAccess(root: MemoryRoot): NamespaceAccess {
  const secret = directorySecret(root);
  return { wireName: directoryWireName(root), secret, epoch: 0, keys: namespaceKeyPair(secret, 0) };
}
