import { EngramError } from "./errors.ts";
import { loadWasmCrypto } from "./wasm-crypto.ts";

/** Twelve new words (128 random bits, BIP-39 English). */
export async function generatePhrase(): Promise<string> {
  return (await loadWasmCrypto()).bip39Generate(12);
}

/** A phrase as typed in its one spelling: lower case, single blanks. */
export function tidyPhrase(phrase: string): string {
  return phrase.normalize("NFKD").trim().toLowerCase().split(/\s+/).join(" ");
}

/** The 32-byte seed of a phrase, derived as Substrate and btcli do it (the mini secret). Throws `PHRASE_INVALID`. */
export async function phraseToSeed(phrase: string): Promise<Uint8Array> {
  const wasm = await loadWasmCrypto();
  const words = tidyPhrase(phrase);
  // Asked first: deriving from an invalid phrase would abort inside the wasm module.
  if (!wasm.bip39Validate(words)) {
    throw new EngramError("PHRASE_INVALID", "This is not a valid recovery phrase.", {
      fix: "Check each word and their order: 12, 15, 18, 21 or 24 English words, the last of which is a check.",
    });
  }
  return wasm.bip39ToMiniSecret(words, "");
}
