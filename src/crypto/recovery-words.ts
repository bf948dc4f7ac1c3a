/** The 2,048 English words that recovery phrases are made of (BIP-39). */
export async function recoveryWords(): Promise<ReadonlySet<string>> {
  const { default: words } = await import("@polkadot/util-crypto/mnemonic/wordlists/en");
  return new Set(words);
}
