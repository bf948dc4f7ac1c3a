import { createHash } from "node:crypto";
import { fromHex, toHex } from "./hex.ts";
import { SIGNATURE_BYTES, type Sr25519 } from "./sr25519.ts";
import { decodeHotkey, type Hotkey, isHotkey } from "./ss58.ts";

/** How old a request's nonce may be, and how far ahead of the receiver's clock. */
export const BTAUTH_PAST_MS = 10_000;
const BTAUTH_AHEAD_MS = 2_000;

/** What a btauth/1 signature covers. `target` is path and query exactly as sent; `nonce` unix nanoseconds. */
export interface BtauthRequest {
  readonly method: string;
  readonly target: string;
  readonly body: Uint8Array;
  readonly nonce: bigint;
  readonly sender: Hotkey;
  readonly receiver: Hotkey;
}

/** Header names and values of a signed request. */
export type BtauthHeaders = Readonly<Record<string, string>>;

/** The signed bytes: eight lines. The scheme is fixed, never taken from a header. */
export function btauthMessage(request: BtauthRequest): Uint8Array {
  const bodyHash = createHash("sha256").update(request.body).digest("hex");
  const { method, target, nonce, sender, receiver } = request;
  return Buffer.from(
    ["btauth/1", "sr25519", method.toUpperCase(), target, bodyHash, nonce.toString(), sender, receiver].join("\n"),
    "utf8",
  );
}

/** The headers that carry `request`'s signature. */
export function btauthHeaders(request: BtauthRequest, sign: (message: Uint8Array) => Uint8Array): BtauthHeaders {
  return {
    "X-Bittensor-Version": "1",
    "X-Bittensor-Hotkey": request.sender,
    "X-Bittensor-Receiver": request.receiver,
    "X-Bittensor-Nonce": request.nonce.toString(),
    "X-Bittensor-Signature": `0x${toHex(sign(btauthMessage(request)))}`,
  };
}

/** Why a request does not count as authenticated. */
export type BtauthRefusal = "missing" | "malformed" | "receiver" | "stale" | "signature";

/**
 * The sender of a btauth/1 request addressed to `receiver`, or why not. The caller keeps the nonces it has seen (a
 * pair of sender and nonce counts once) and stores one only after this said yes.
 */
export function verifyBtauth(
  sr25519: Sr25519,
  received: {
    readonly method: string;
    readonly target: string;
    readonly body: Uint8Array;
    readonly header: (name: string) => string | undefined;
    readonly receiver: Hotkey;
    readonly nowMs: number;
  },
): { readonly sender: Hotkey; readonly nonce: bigint } | { readonly refused: BtauthRefusal } {
  const [version, sender, receiver, nonceText, signatureText] = [
    "Version",
    "Hotkey",
    "Receiver",
    "Nonce",
    "Signature",
  ].map((name) => received.header(`X-Bittensor-${name}`));
  if (!version || !sender || !receiver || !nonceText || !signatureText) return { refused: "missing" };
  const signature = fromHex(signatureText, SIGNATURE_BYTES);
  if (version !== "1" || !isHotkey(sender) || !/^[1-9][0-9]{0,19}$/.test(nonceText) || !signature) {
    return { refused: "malformed" };
  }
  if (receiver !== received.receiver) return { refused: "receiver" };
  const nonce = BigInt(nonceText);
  const ageMs = received.nowMs - Number(nonce / 1_000_000n);
  if (ageMs > BTAUTH_PAST_MS || ageMs < -BTAUTH_AHEAD_MS) return { refused: "stale" };
  const { method, target, body } = received;
  const message = btauthMessage({ method, target, body, nonce, sender, receiver: received.receiver });
  const publicKey = decodeHotkey(sender);
  if (!publicKey || !sr25519.verify(signature, message, publicKey)) return { refused: "signature" };
  return { sender, nonce };
}

/** What a signed reply covers: the request it answers, by its nonce, and its own status and body. */
export interface BtauthReply {
  readonly request: Omit<BtauthRequest, "body">;
  readonly status: number;
  readonly body: Uint8Array;
}

/** The header that carries a reply's signature; btauth/1 itself covers requests alone. */
export const REPLY_SIGNATURE_HEADER = "X-Engram-Reply-Signature";

/** The bytes the receiver of a request signs with its reply: eight lines. */
export function btauthReplyMessage({ request, status, body }: BtauthReply): Uint8Array {
  const bodyHash = createHash("sha256").update(body).digest("hex");
  const { method, target, nonce, sender, receiver } = request;
  return Buffer.from(
    ["engram-reply/1", method.toUpperCase(), target, String(status), bodyHash, nonce.toString(), sender, receiver].join(
      "\n",
    ),
    "utf8",
  );
}

/** The value of `REPLY_SIGNATURE_HEADER`. */
export function signBtauthReply(reply: BtauthReply, sign: (message: Uint8Array) => Uint8Array): string {
  return `0x${toHex(sign(btauthReplyMessage(reply)))}`;
}

/** Whether the request's receiver signed this reply to it. A missing or malformed signature is `false`. */
export function verifyBtauthReply(sr25519: Sr25519, reply: BtauthReply, signatureText: string | null): boolean {
  const signature = fromHex(signatureText ?? "", SIGNATURE_BYTES);
  const publicKey = decodeHotkey(reply.request.receiver);
  return (
    signature !== undefined &&
    publicKey !== undefined &&
    sr25519.verify(signature, btauthReplyMessage(reply), publicKey)
  );
}
