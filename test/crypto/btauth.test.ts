import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import {
  btauthHeaders,
  btauthMessage,
  btauthReplyMessage,
  signBtauthReply,
  verifyBtauth,
  verifyBtauthReply,
} from "../../src/crypto/btauth.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";

const sr25519 = await loadSr25519();
const [alice, bob] = [sr25519.pairFromSeed(randomBytes(32)), sr25519.pairFromSeed(randomBytes(32))];
const [sender, receiver] = [hotkeyOf(alice.publicKey), hotkeyOf(bob.publicKey)];
const nowMs = 1_752_076_800_000;
const request = {
  method: "POST",
  target: "/generate?stream=false",
  body: Buffer.from('{"prompt": "hello"}'),
  nonce: BigInt(nowMs) * 1_000_000n,
  sender,
  receiver,
};
const sign = (message: Uint8Array) => sr25519.sign(alice, message);

/** As received: what was sent, but for `changed`. */
function verify(changed: Partial<Omit<Parameters<typeof verifyBtauth>[1], "header">> & { headers?: object } = {}) {
  const { headers = {}, ...rest } = changed;
  const sent = new Headers({ ...btauthHeaders(request, sign), ...headers });
  const { method, target, body } = request;
  const header = (name: string) => sent.get(name) ?? undefined;
  return verifyBtauth(sr25519, { method, target, body, receiver, nowMs, header, ...rest });
}

test("the signed text is eight lines", () => {
  const lines = Buffer.from(btauthMessage(request)).toString().split("\n");
  expect(lines).toHaveLength(8);
  expect(lines[4]).toBe(createHash("sha256").update('{"prompt": "hello"}').digest("hex"));
  expect([...lines.slice(0, 4), ...lines.slice(5)]).toEqual([
    "btauth/1",
    "sr25519",
    "POST",
    "/generate?stream=false",
    "1752076800000000000",
    sender,
    receiver,
  ]);
});

test("a signed request tells who sent it", () => {
  expect(verify()).toEqual({ sender, nonce: request.nonce });
  expect(verify({ nowMs: nowMs + 10_000 })).toMatchObject({ sender });
  expect(verify({ nowMs: nowMs - 2_000 })).toMatchObject({ sender });
});

test.each<[string, Parameters<typeof verify>[0], string]>([
  ["another body", { body: Buffer.from("{}") }, "signature"],
  ["another method", { method: "DELETE" }, "signature"],
  ["another path", { target: "/generate" }, "signature"],
  ["another receiver", { receiver: sender }, "receiver"],
  ["too old", { nowMs: nowMs + 10_001 }, "stale"],
  ["from the future", { nowMs: nowMs - 2_001 }, "stale"],
  ["another sender", { headers: { "X-Bittensor-Hotkey": receiver } }, "signature"],
  ["another nonce", { headers: { "X-Bittensor-Nonce": (request.nonce + 1n).toString() } }, "signature"],
  ["a nonce that is none", { headers: { "X-Bittensor-Nonce": "1e18" } }, "malformed"],
  ["another version", { headers: { "X-Bittensor-Version": "2" } }, "malformed"],
  ["a short signature", { headers: { "X-Bittensor-Signature": "0x00" } }, "malformed"],
  ["no signature", { headers: { "X-Bittensor-Signature": "" } }, "missing"],
])("%s is refused", (_, changed, refused) => {
  expect(verify(changed)).toEqual({ refused });
});

test("a reply is bound to its request, status and body", () => {
  const reply = { request, status: 200, body: Buffer.from('{"ok": true}') };
  const signature = signBtauthReply(reply, (message) => sr25519.sign(bob, message));
  expect(verifyBtauthReply(sr25519, reply, signature)).toBe(true);
  expect(Buffer.from(btauthReplyMessage(reply)).toString().split("\n")).toHaveLength(8);
  const others = [
    { ...reply, status: 404 },
    { ...reply, body: Buffer.from("{}") },
    { ...reply, request: { ...request, nonce: request.nonce + 1n } },
    { ...reply, request: { ...request, sender: receiver } },
    { ...reply, request: { ...request, target: "/other" } },
  ];
  for (const other of others) expect(verifyBtauthReply(sr25519, other, signature)).toBe(false);
  const bySender = `0x${toHex(sign(btauthReplyMessage(reply)))}`;
  for (const text of [null, "", "0x00", bySender]) expect(verifyBtauthReply(sr25519, reply, text)).toBe(false);
});
