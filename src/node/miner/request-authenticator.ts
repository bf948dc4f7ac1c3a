import { isEngramError } from "../../crypto/errors.ts";
import { isWithinWindow, REQUEST_WINDOW_MS, requestMessage } from "../../crypto/request-auth.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import type { SubnetJson, SubnetObject } from "../../crypto/subnet-json.ts";
import { isTruthy } from "../protocol/fields.ts";
import { MAX_SEEN_SIGNATURES } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import type { SignatureVerifier } from "../runtime/signature-pool.ts";
import { SingleUse } from "../runtime/single-use.ts";
import type { ChainView } from "./chain-view.ts";

export interface AuthenticationPolicy {
  /** Every request of a signing route must be signed (spec 5.2, hard mode). */
  readonly requireSignatures: boolean;
  /** Only hotkeys registered on the chain. */
  readonly requireRegistration: boolean;
  /** Only these hotkeys; implies signatures (M-W11). Null: all. */
  readonly allowedHotkeys: ReadonlySet<string> | null;
}

interface Deps {
  readonly signatures: SignatureVerifier;
  readonly clock: Clock;
  readonly chainView: ChainView;
}

/**
 * Verifies the signature that a body carries (spec 5). A body without one is anonymous, whatever hotkey it names; one
 * whose signature is wrong is refused always (M-W11).
 */
export class RequestAuthenticator {
  readonly #policy: AuthenticationPolicy;
  readonly #deps: Deps;
  readonly #startedAt: number;
  readonly #seen = new SingleUse(MAX_SEEN_SIGNATURES);

  constructor(policy: AuthenticationPolicy, deps: Deps) {
    this.#policy = policy;
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  /** The verified hotkey, null for an anonymous request. Throws `Refusal` 401. */
  async authenticate(body: SubnetObject, endpoint: string): Promise<Hotkey | null> {
    const { requireSignatures, requireRegistration, allowedHotkeys } = this.#policy;
    refuseStripped(body);
    const signed = ["hotkey", "nonce", "signature"].every((field) => (body.get(field) ?? null) !== null);
    if (!signed) {
      if (!requireSignatures && !requireRegistration && allowedHotkeys === null) return null;
      throw refused(`this miner takes signed requests only; add hotkey, nonce and signature for ${endpoint}`);
    }
    const hotkey = await this.#verify(body, endpoint);
    await this.admit(hotkey);
    return hotkey;
  }

  /** Whether the policy lets this verified hotkey in. Throws `Refusal` 401. */
  async admit(hotkey: Hotkey): Promise<void> {
    const { requireRegistration, allowedHotkeys } = this.#policy;
    if (allowedHotkeys !== null && !allowedHotkeys.has(hotkey)) throw refused("this hotkey is not allowed here");
    if (requireRegistration && (await this.#deps.chainView.neuron(hotkey)) === null) {
      throw refused("this hotkey is not registered on the subnet; register it and try again");
    }
  }

  async #verify(body: SubnetObject, endpoint: string): Promise<Hotkey> {
    const hotkey = body.get("hotkey");
    if (typeof hotkey !== "string" || !isHotkey(hotkey)) throw refused("hotkey must be an SS58 address of prefix 42");
    const nonce = this.#freshNonce(body.get("nonce"));
    const signature = body.get("signature");
    const message = requestMessage(nonce, endpoint, body);
    if (typeof signature !== "string" || !(await this.#isValid({ hotkey, message, signature }))) {
      throw refused(`the signature is not the hotkey's over this body for ${endpoint}`);
    }
    // The message, not the bare nonce: two different requests of one millisecond are both genuine.
    const use = this.#seen.use([hotkey, message], Number(nonce) + REQUEST_WINDOW_MS, this.#deps.clock.now());
    if (use === "used") throw refused("this signed request was used already; sign it again with a fresh nonce");
    if (use === "full") throw new Refusal(429, "too many signed requests; wait", { retryAfterSeconds: 30 });
    return hotkey;
  }

  async #isValid(check: Parameters<SignatureVerifier["verify"]>[0]): Promise<boolean> {
    try {
      return await this.#deps.signatures.verify(check);
    } catch (error) {
      if (!isEngramError(error, "SIGNATURES_BUSY")) throw error;
      throw new Refusal(429, error.message, { retryAfterSeconds: 1 });
    }
  }

  #freshNonce(nonce: SubnetJson | undefined): bigint {
    if (typeof nonce !== "bigint") throw refused("nonce must be an int: unix time in milliseconds");
    if (!isWithinWindow(this.#deps.clock.now(), nonce, REQUEST_WINDOW_MS)) {
      throw refused("nonce is more than 30 seconds from this miner's clock; set the clock and sign again");
    }
    // What was used before a restart is forgotten, so nothing signed before it is taken (M-W10).
    if (nonce < this.#startedAt) throw refused("signed before this miner started; sign it again");
    return nonce;
  }
}

/**
 * What is left of a signed request from which somebody took a field must not pass for a weaker one: neither a private
 * record as a public one, nor a signed request as an anonymous one.
 */
function refuseStripped(body: SubnetObject): void {
  if (isTruthy(body.get("signature")) && !(isTruthy(body.get("hotkey")) && isTruthy(body.get("nonce")))) {
    throw refused("the body has a signature without the hotkey or nonce it was made for; sign it again");
  }
  if (isTruthy(body.get("namespace_sig")) && !isTruthy(body.get("namespace"))) {
    throw refused("the body has a namespace_sig without the namespace it was made for; sign it again");
  }
}

function refused(sentence: string): Refusal {
  return new Refusal(401, sentence);
}
