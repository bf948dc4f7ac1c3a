import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";
import { gcmOpen, gcmSeal, IV_BYTES } from "../../../crypto/aes-gcm.ts";
import { EngramError } from "../../../crypto/errors.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";

/** What the store holds of a namespace's shares; lengths of the encrypted form come in steps, so that they hide it. */
const STEPS = [2_048, 8_192, 32_768, 131_072] as const;
const shareSchema = z.object({
  namespace: z.string(),
  epoch: z.int(),
  owner: z.string().refine((text): text is Hotkey => isHotkey(text)),
  index: z.int(),
  sealed: z.string(),
  manifest: z.string(),
  manifestSignature: z.string(),
});
const floorSchema = z.object({ namespace: z.string(), floor: z.int() });

/** A share as the miner keeps it. */
export type KeptShare = Readonly<z.output<typeof shareSchema>>;
/** Shares of older epochs than `floor` are not taken any more. */
type EpochFloor = Readonly<z.output<typeof floorSchema>>;

/**
 * Encrypts what `shares.db` holds under the miner's own key (M-W35): AES-256-GCM for contents, HMACs for what is looked
 * up by. A copied file shows how many rows there are, and when none of them changed; no namespace, owner or epoch.
 */
export class ShareCipher {
  readonly #content: Uint8Array;
  readonly #lookup: Uint8Array;

  /** `key` has 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new RangeError("the share store's key has 32 bytes");
    this.#content = new Uint8Array(hkdfSync("sha256", key, "", "engram-shares/1 content", 32));
    this.#lookup = new Uint8Array(hkdfSync("sha256", key, "", "engram-shares/1 lookup", 32));
  }

  /** Stands for a namespace; another one for each of its epochs. */
  place(namespace: string, epoch?: number): Buffer {
    return this.#digest(epoch === undefined ? ["namespace", namespace] : ["epoch", namespace, epoch]);
  }

  ownerPlace(owner: Hotkey): Buffer {
    return this.#digest(["owner", owner]);
  }

  sealShare(share: KeptShare): Buffer {
    return this.#seal(share);
  }

  /** Throws `SHARES_UNREADABLE`: the row was written under another key, or changed. */
  openShare(bytes: Uint8Array, place: Uint8Array): KeptShare {
    const share = this.#open(bytes, shareSchema);
    if (this.place(share.namespace).equals(place)) return share;
    throw unreadable();
  }

  sealFloor(floor: EpochFloor): Buffer {
    return this.#seal(floor);
  }

  openFloor(bytes: Uint8Array, place: Uint8Array): number {
    const { namespace, floor } = this.#open(bytes, floorSchema);
    if (this.place(namespace).equals(place)) return floor;
    throw unreadable();
  }

  #digest(parts: readonly (string | number)[]): Buffer {
    return createHmac("sha256", this.#lookup).update(JSON.stringify(parts), "utf8").digest();
  }

  #seal(content: object): Buffer {
    const plain = Buffer.from(JSON.stringify(content), "utf8");
    const length = STEPS.find((step) => step >= plain.length) ?? plain.length;
    const iv = randomBytes(IV_BYTES);
    const padded = Buffer.concat([plain, Buffer.alloc(length - plain.length, " ")]);
    return Buffer.concat([iv, gcmSeal(this.#content, iv, padded)]);
  }

  #open<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
    try {
      const plain = gcmOpen(this.#content, bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES));
      return schema.parse(JSON.parse(Buffer.from(plain).toString("utf8")));
    } catch {
      throw unreadable();
    }
  }
}

function unreadable(): EngramError {
  return new EngramError("SHARES_UNREADABLE", "a key share of this miner was stored under another identity", {
    fix: "put the miner's own identity folder back beside shares.db",
  });
}
