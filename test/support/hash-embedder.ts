import { createHash } from "node:crypto";
import type { Embedder } from "../../src/node/ports.ts";

/** A test's embedder: a unit vector from the text's hash, the same for the same text, without any meaning. */
export class HashEmbedder implements Embedder {
  readonly profile;

  constructor(dim = 8) {
    this.profile = { model: `hash-${dim}`, dim, normalized: true };
  }

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    return texts.map((text) => this.#vector(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #vector(text: string): Float32Array {
    const vector = Float32Array.from({ length: this.profile.dim }, (_, index) => {
      return createHash("sha256").update(`${index}:${text}`).digest().readInt32LE() / 2 ** 31;
    });
    const norm = Math.hypot(...vector);
    return vector.map((component) => component / norm);
  }
}
