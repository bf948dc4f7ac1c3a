import { toHex } from "../../../crypto/hex.ts";
import { namespaceMessage, signRequestBody } from "../../../crypto/request-auth.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Clock } from "../../runtime/clock.ts";

/** The wallet's hotkey as its user sees it: it signs, and shows nothing of the key. */
export interface HotkeySigner {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

/** Signs request bodies; every call takes a fresh time, because a miner accepts a signature once (M-W10, M-W37). */
export class RequestSigner {
  readonly hotkey: Hotkey;
  readonly #signer: HotkeySigner;
  readonly #clock: Clock;
  #last = 0;

  constructor(signer: HotkeySigner, clock: Clock) {
    this.hotkey = signer.hotkey;
    this.#signer = signer;
    this.#clock = clock;
  }

  /** The body text with the three request fields (spec 5.1). */
  signBody(bodyText: string, endpoint: string): string {
    const sign = (message: Uint8Array) => this.#signer.sign(message);
    return signRequestBody({ bodyText, endpoint, nonce: this.#time(), hotkey: this.hotkey, sign });
  }

  /** The fields that prove the owner of a namespace (spec 6.2). */
  namespaceFields(wireName: string): Readonly<Record<string, string | number>> {
    const time = this.#time();
    return {
      namespace: wireName,
      namespace_hotkey: this.hotkey,
      namespace_sig: `0x${toHex(this.#signer.sign(namespaceMessage(wireName, time)))}`,
      namespace_timestamp_ms: time,
    };
  }

  /** Unix milliseconds, never the same twice: two requests of one moment must not look like a replay. */
  #time(): number {
    this.#last = Math.max(this.#last + 1, this.#clock.now());
    return this.#last;
  }
}
