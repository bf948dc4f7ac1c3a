/** Reads SCALE by hand, so that what the product's own codec wrote is read by another. */
export class ScaleReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(hex: string) {
    this.#bytes = Buffer.from(hex.replace(/^0x/, ""), "hex");
  }

  take(count: number): Buffer {
    const from = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new Error("the bytes end too early");
    return this.#bytes.subarray(from, this.#at);
  }

  hex(count: number): string {
    return this.take(count).toString("hex");
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16LE();
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  u64(): bigint {
    return this.take(8).readBigUInt64LE();
  }

  u128(): bigint {
    const low = this.u64();
    return (this.u64() << 64n) + low;
  }

  compact(): number {
    const first = this.u8();
    const mode = first & 3;
    if (mode === 0) return first >> 2;
    if (mode === 1) return (first + this.u8() * 256) >> 2;
    if (mode === 2) return (first + this.u8() * 256 + this.u16() * 65_536) / 4;
    throw new Error("longer than anything here");
  }

  vec<T>(one: () => T): T[] {
    return Array.from({ length: this.compact() }, one);
  }

  /** Throws where bytes are left. */
  end(): void {
    if (this.#at < this.#bytes.length) throw new Error(`${this.#bytes.length - this.#at} bytes are left`);
  }
}
