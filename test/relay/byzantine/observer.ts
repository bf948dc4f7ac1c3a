import { isEngramError } from "../../../src/crypto/errors.ts";
import type { Sr25519 } from "../../../src/crypto/sr25519.ts";
import type { Hotkey } from "../../../src/crypto/ss58.ts";
import type { Neuron } from "../../../src/node/ports.ts";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import type { SignedPayload } from "../../../src/relay/payload/types.ts";
import { verifyPayload } from "../../../src/relay/payload/verify-payload.ts";
import { countVotes, isQuorum, permittedSet, type Votes } from "../../../src/relay/quorum.ts";

export interface Certificate {
  readonly roundId: number;
  readonly payload: SignedPayload;
  readonly votes: Votes;
}

/**
 * Hears every message of every node and counts what could be made of all of them together, wherever it went: a
 * certificate needs no receiver. Liars are taken to have signed everything.
 */
export class Observer {
  readonly #sr25519: Sr25519;
  readonly #liars: ReadonlySet<Hotkey>;
  readonly #read = new Map<string, SignedPayload | null>();
  readonly #payloads = new Map<string, SignedPayload>();
  readonly #signers = new Map<string, Set<Hotkey>>();

  constructor(sr25519: Sr25519, liars: ReadonlySet<Hotkey>) {
    this.#sr25519 = sr25519;
    this.#liars = liars;
  }

  /** A payload's text that somebody sent; null when it is none or its author did not sign it. */
  payload(text: string): SignedPayload | null {
    const known = this.#read.get(text);
    if (known !== undefined) return known;
    const payload = this.#readNew(text);
    this.#read.set(text, payload);
    return payload;
  }

  #readNew(text: string): SignedPayload | null {
    try {
      const payload = readPayload(text);
      if (verifyPayload(this.#sr25519, payload) !== null) return null;
      this.#payloads.set(payload.signedHash, payload);
      this.signed(payload.signedHash, payload.validatorHotkey);
      return payload;
    } catch (error) {
      if (isEngramError(error)) return null;
      throw error;
    }
  }

  /** A node's signature under a payload was seen. */
  signed(signedHash: string, hotkey: Hotkey): void {
    const signers = this.#signers.get(signedHash) ?? new Set();
    this.#signers.set(signedHash, signers.add(hotkey));
  }

  /** Rounds of honest proposals and liars' alike for which a certificate could be put together. */
  certificates(
    neuronsAt: (block: number) => readonly Neuron[],
    enough: (votes: Votes) => boolean = isQuorum,
  ): readonly Certificate[] {
    return [...this.#payloads.values()].flatMap((payload) => {
      const { block, roundId, signedHash } = payload;
      const signers = [...(this.#signers.get(signedHash) ?? []), ...this.#liars];
      const neurons = neuronsAt(block);
      const votes = countVotes(permittedSet({ block, hash: "", neurons }, 0), signers);
      return enough(votes) ? [{ roundId, payload, votes }] : [];
    });
  }
}
