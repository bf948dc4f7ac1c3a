import { createHmac, hkdfSync } from "node:crypto";
import { toHex } from "./hex.ts";
import { type ShownName, shownName } from "./namespace-name.ts";
import { type X25519Pair, x25519Pair } from "./x25519.ts";

declare const rootBrand: unique symbol;
declare const secretBrand: unique symbol;

/** 32 bytes from which all of a wallet's namespaces derive. */
export type MemoryRoot = Uint8Array & { readonly [rootBrand]: true };
/** 32 bytes that belong to one namespace. */
export type NamespaceSecret = Uint8Array & { readonly [secretBrand]: true };

// The labels are part of every wallet's recovery: one that changes loses all namespaces.
const SALT = "engram-keys/1";

/** The memory root of a wallet's 32-byte seed, whether of a phrase or of a loaded hotkey. */
export function memoryRoot(seed: Uint8Array): MemoryRoot {
  if (seed.length !== 32) throw new RangeError("a seed has 32 bytes");
  return derive(seed, "memory root") as MemoryRoot;
}

/**
 * The secret of the private namespace that people know as `name`, in an epoch (0, 1, …): who was given the secrets of some
 * epochs learns nothing of later ones.
 */
export function namespaceSecret(root: MemoryRoot, name: ShownName, epoch = 0): NamespaceSecret {
  checkEpoch(epoch);
  // No name is part of the text before the first colon, so no two pairs make one label.
  return derive(root, epoch === 0 ? `namespace:${name}` : `namespace/${epoch}:${name}`) as NamespaceSecret;
}

/** The secret of the directory namespace; its label cannot be that of any shown name. */
export function directorySecret(root: MemoryRoot): NamespaceSecret {
  return derive(root, "directory") as NamespaceSecret;
}

/** The name that miners see: `n` and 40 hex digits, which only the owner can tie to the shown name. */
export function wireName(secret: NamespaceSecret, name: ShownName): string {
  return `n${toHex(createHmac("sha256", secret).update(name, "utf8").digest()).slice(0, 40)}`;
}

/** The wire name of the directory namespace, found from the root alone. */
export function directoryWireName(root: MemoryRoot): string {
  return wireName(directorySecret(root), shownName("directory"));
}

/** The X25519 pair that a namespace's envelopes are written to in an epoch (0, 1, …). */
export function namespaceKeyPair(secret: NamespaceSecret, epoch: number): X25519Pair {
  checkEpoch(epoch);
  return x25519Pair(derive(secret, `x25519:${epoch}`));
}

/** The pair that others seal namespaces to, which they share with this wallet. */
export function readerKeyPair(root: MemoryRoot): X25519Pair {
  return x25519Pair(derive(root, "shared namespaces"));
}

/** The pair that a miner with this root takes key shares by. */
export function shareKeyPair(root: MemoryRoot): X25519Pair {
  return x25519Pair(derive(root, "key shares"));
}

/** What a miner with this root encrypts the key shares it keeps under. */
export function shareStoreKey(root: MemoryRoot): Uint8Array {
  return derive(root, "share store");
}

/** What decides the noise that a miner with this root adds to private vectors. */
export function minerNoiseKey(root: MemoryRoot): Uint8Array {
  return derive(root, "embedding noise");
}

function checkEpoch(epoch: number): void {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RangeError("an epoch is a whole number from 0");
}

function derive(secret: Uint8Array, label: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, SALT, label, 32));
}
