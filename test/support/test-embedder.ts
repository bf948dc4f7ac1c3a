import { createHash } from "node:crypto";
import { EngramError } from "../../src/crypto/errors.ts";
import type { Embedder, EmbedOptions } from "../../src/node/ports.ts";

const DIM = 32;

/**
 * A small deterministic model: a text's vector is the sum of its words' vectors, so texts that share words are near.
 * Counts what it embeds; `hold()` makes it wait, as a model that is loading does.
 */
export class TestEmbedder implements Embedder {
  readonly profile;
  readonly embedded: string[] = [];
  #gate: Promise<void> = Promise.resolve();

  constructor(model = "test-32") {
    this.profile = { model, dim: DIM, normalized: true };
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    await this.#gate;
    options.signal?.throwIfAborted();
    for (const text of texts) {
      if (text.trim() === "") throw new EngramError("EMBED_EMPTY", "empty");
      this.embedded.push(text);
    }
    return texts.map(vectorOf);
  }

  /** Embeds nothing until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIM);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ["?"]) {
    const digest = createHash("sha256").update(word).digest();
    for (let i = 0; i < DIM; i++) vector[i] = (vector[i] ?? 0) + (digest[i] ?? 0) / 128 - 1;
  }
  const norm = Math.hypot(...vector);
  return norm === 0 ? vector.fill(1 / Math.sqrt(DIM)) : vector.map((value) => value / norm);
}
