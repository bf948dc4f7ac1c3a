import { randomInt } from "node:crypto";
import { btauthHeaders, REPLY_SIGNATURE_HEADER, verifyBtauthReply } from "../../crypto/btauth.ts";
import { EngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HttpClient, HttpReply } from "../runtime/http-client.ts";

/** A node and where it is reached, without a trailing slash. */
export interface Auth2Peer {
  readonly hotkey: Hotkey;
  readonly url: string;
}

interface Deps {
  readonly signer: { readonly hotkey: Hotkey; sign(message: Uint8Array): Uint8Array };
  readonly sr25519: Sr25519;
  readonly clock: Clock;
}

/** `signed`: the peer's own word, signed over this request; every success is. */
interface Auth2Reply extends HttpReply {
  readonly signed: boolean;
}

type Limits = Parameters<HttpClient["postJson"]>[2];

/** Calls other nodes with btauth/1 headers and takes a success only when the node itself signed it. */
export class Auth2Caller {
  readonly #deps: Deps;
  #lastNonce = 0n;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * `POST {url}{path}`. A refusal (status 400 and above) may be unsigned: then it proves nothing. Errors: those of
   * `HttpClient`, and `REPLY_UNSIGNED` when a success is not signed by `peer` over this request.
   */
  async post(http: HttpClient, peer: Auth2Peer, path: string, bodyText: string, limits: Limits): Promise<Auth2Reply> {
    const { signer, sr25519 } = this.#deps;
    const url = new URL(`${peer.url}${path}`);
    const [method, target] = ["POST", `${url.pathname}${url.search}`];
    const request = { method, target, nonce: this.#nonce(), sender: signer.hotkey, receiver: peer.hotkey };
    const body = Buffer.from(bodyText, "utf8");
    const headers = btauthHeaders({ ...request, body }, (message) => signer.sign(message));
    const reply = await http.postJson(url.href, bodyText, { ...limits, headers });
    const answered = { request, status: reply.status, body: Buffer.from(reply.text, "utf8") };
    const signed = verifyBtauthReply(sr25519, answered, reply.headers.get(REPLY_SIGNATURE_HEADER));
    if (signed || reply.status >= 400) return { ...reply, signed };
    throw new EngramError("REPLY_UNSIGNED", "a node's reply is not signed by its hotkey", {
      fix: "ask the node's operator; whoever sits between may have changed the reply",
    });
  }

  /** Unix nanoseconds, never the same twice. */
  #nonce(): bigint {
    // The clock counts milliseconds: other callers with the same hotkey, in this process or another, share them.
    const now = BigInt(Math.trunc(this.#deps.clock.now())) * 1_000_000n + BigInt(randomInt(1_000_000));
    this.#lastNonce = now > this.#lastNonce ? now : this.#lastNonce + 1n;
    return this.#lastNonce;
  }
}
