import { toHex } from "../../crypto/hex.ts";
import { objectFromPlain } from "../../crypto/subnet-json.ts";
import { ARCHIVE_CAPABILITY, CAPABILITY_NAMES, capabilityMessage } from "../protocol/capabilities.ts";
import { objectText, valueText } from "../protocol/reply-text.ts";
import type { MinerDeps, MinerOptions } from "./miner-options.ts";

/** A statement is signed anew after so long: readers prefer the newest, and signing takes time. */
const VALID_MS = 60_000;

type Deps = Pick<MinerDeps, "chain" | "identity" | "shareKeys" | "embedder" | "clock" | "archive">;

/** The reply of `GET /health`: the reference's own key, and what this miner promises, signed by its hotkey. */
export class HealthStatement {
  readonly #endpoint: string;
  readonly #deps: Deps;
  #text = "";
  #issuedAt = Number.NEGATIVE_INFINITY;

  constructor(options: Pick<MinerOptions, "endpoint">, deps: Deps) {
    this.#endpoint = options.endpoint;
    this.#deps = deps;
  }

  async replyText(): Promise<string> {
    const now = this.#deps.clock.now();
    if (Math.abs(now - this.#issuedAt) >= VALID_MS) {
      this.#text = await this.#sign(now);
      this.#issuedAt = now;
    }
    return this.#text;
  }

  async #sign(now: number): Promise<string> {
    const { chain, identity, embedder, shareKeys, archive } = this.#deps;
    const statement = {
      chain: await chain.identity(),
      hotkey: identity.hotkey,
      caps: [...CAPABILITY_NAMES, ...(archive ? [ARCHIVE_CAPABILITY] : [])],
      profile: { ...embedder.profile },
      endpoint: this.#endpoint,
      issued_at: now,
      x25519: toHex(shareKeys.reveal().publicKey),
    };
    const signature = `0x${toHex(identity.sign(capabilityMessage(statement)))}`;
    return objectText({ status: '"ok"', caps: valueText(objectFromPlain({ ...statement, signature })) });
  }
}
