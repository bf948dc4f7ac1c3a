import {
  BTAUTH_PAST_MS,
  type BtauthRefusal,
  REPLY_SIGNATURE_HEADER,
  signBtauthReply,
  verifyBtauth,
} from "../../crypto/btauth.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { Clock } from "../runtime/clock.ts";
import { CallerNonces } from "./caller-nonces.ts";
import { MAX_SEEN_OF_CALLER, MAX_SEEN_SIGNATURES } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** A node's own hotkey as it answers with. */
interface Auth2Identity {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

/** An authenticated request, and how its reply is signed. */
export interface Auth2Session {
  readonly sender: Hotkey;
  /** The header that goes with a reply of this status and text. */
  replyHeaders(status: number, text: string): Readonly<Record<string, string>>;
}

interface Deps {
  readonly identity: Auth2Identity;
  readonly sr25519: Sr25519;
  readonly clock: Clock;
  /** For whose nonces there is room whatever strangers do; for nobody's in particular when absent. */
  readonly isPermitted?: (hotkey: Hotkey) => boolean;
}

const SENTENCES: Readonly<Record<BtauthRefusal, string>> = {
  missing:
    "this route takes auth2 alone: send btauth/1 headers (X-Bittensor-Version, -Hotkey, -Receiver, -Nonce, -Signature)",
  malformed:
    "the btauth/1 headers are malformed; send version 1, an SS58 hotkey, a nonce in nanoseconds and a signature",
  receiver: "the request is addressed to another hotkey; send it to the one in X-Bittensor-Receiver",
  stale: "the nonce is too far from this node's clock; set the clock and sign again",
  signature: "the signature is not the hotkey's over method, path, body, nonce and receiver",
};

/** Authenticates requests by btauth/1 headers, each nonce of a sender once (M-W10). */
export class Auth2Gate {
  readonly #deps: Deps;
  readonly #startedAt: number;
  readonly #nonces = new CallerNonces({ perCaller: MAX_SEEN_OF_CALLER, strangers: MAX_SEEN_SIGNATURES });

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  /** `body` is what was received, byte for byte. Throws `Refusal` 401, and 429 while too many nonces of the sender, or of strangers, are remembered. */
  authenticate(request: Request, body: Uint8Array): Auth2Session {
    const { identity, sr25519, clock } = this.#deps;
    const { pathname, search } = new URL(request.url);
    const { method } = request;
    const [target, receiver, nowMs] = [`${pathname}${search}`, identity.hotkey, clock.now()];
    const header = (name: string) => request.headers.get(name) ?? undefined;
    const verified = verifyBtauth(sr25519, { method, target, body, header, receiver, nowMs });
    if ("refused" in verified) throw new Refusal(401, SENTENCES[verified.refused]);
    const { sender, nonce } = verified;
    this.#useOnce(sender, nonce, nowMs);
    const signed = { method, target, nonce, sender, receiver };
    return {
      sender,
      replyHeaders: (status, text) => {
        const reply = { request: signed, status, body: Buffer.from(text, "utf8") };
        return { [REPLY_SIGNATURE_HEADER]: signBtauthReply(reply, (message) => identity.sign(message)) };
      },
    };
  }

  #useOnce(sender: Hotkey, nonce: bigint, nowMs: number): void {
    const nonceMs = Number(nonce / 1_000_000n);
    // Nonces used before a restart are forgotten, so none from before it is taken.
    if (nonceMs < this.#startedAt) throw new Refusal(401, "signed before this node started; sign it again");
    const isPermitted = this.#deps.isPermitted?.(sender) ?? false;
    const use = this.#nonces.use({ caller: sender, nonce, until: nonceMs + BTAUTH_PAST_MS, isPermitted }, nowMs);
    if (use === "used") throw new Refusal(401, "this nonce was used already; sign again with a fresh one");
    if (use === "full") throw new Refusal(429, "too many signed requests; wait", { retryAfterSeconds: 10 });
  }
}
