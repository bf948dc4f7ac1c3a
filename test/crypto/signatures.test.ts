import { fc, test as property } from "@fast-check/vitest";
import { decodeAddress, encodeAddress, mnemonicToMiniSecret, sr25519PairFromSeed } from "@polkadot/util-crypto";
import { describe, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { generatePhrase, phraseToSeed } from "../../src/crypto/phrase.ts";
import {
  canonicalPayload,
  isWithinWindow,
  NAMESPACE_WINDOW_MS,
  namespaceMessage,
  REQUEST_WINDOW_MS,
  requestMessage,
  signRequestBody,
  verifyHotkeySignature,
} from "../../src/crypto/request-auth.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { decodeHotkey, hotkeyOf, isHotkey } from "../../src/crypto/ss58.ts";
import { fromPlain, type SubnetObject } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";

const sr25519 = await loadSr25519();
const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(7));
const hotkey = hotkeyOf(pair.publicKey);
const sign = (message: Uint8Array) => sr25519.sign(pair, message);
const bytes = (text: string) => Buffer.from(text);

describe("sr25519", () => {
  test("makes the keys other Substrate software makes", async () => {
    const phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
    const seed = await phraseToSeed(`  ${phrase.toUpperCase().replace(" ", "\n ")} `);
    expect(toHex(seed)).toBe(toHex(mnemonicToMiniSecret(phrase)));
    expect(toHex(sr25519.pairFromSeed(seed).publicKey)).toBe(toHex(sr25519PairFromSeed(seed).publicKey));
  });

  test("a new phrase has twelve words and a seed; an invalid one is refused without harm", async () => {
    const phrase = await generatePhrase();
    expect(phrase.split(" ")).toHaveLength(12);
    await expect(phraseToSeed(`${phrase} zoo`)).rejects.toMatchObject({ code: "PHRASE_INVALID" });
    await expect(phraseToSeed("")).rejects.toMatchObject({ code: "PHRASE_INVALID" });
    expect(await phraseToSeed(phrase)).toHaveLength(32);
  });

  test("never accepts the all-zero key, which verifies anything (F11)", () => {
    const forged = new Uint8Array(64);
    forged[63] = 0x80;
    expect(sr25519.verify(forged, bytes("any message"), new Uint8Array(32))).toBe(false);
    expect(verifyHotkeySignature(sr25519, hotkeyOf(new Uint8Array(32)), bytes("any"), toHex(forged))).toBe(false);
  });

  property.prop([fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 40 }), fc.uint8Array()])(
    "verification of anything malformed is false and never throws",
    (signature, key, message) => {
      expect(sr25519.verify(signature, message, key)).toBe(false);
      expect(sr25519.verify(signature, message, pair.publicKey)).toBe(false);
    },
  );

  property.prop([fc.nat({ max: 511 })], { numRuns: 40 })("one flipped bit of a signature is enough", (bit) => {
    const signature = sign(bytes("message"));
    expect(sr25519.verify(signature, bytes("message"), pair.publicKey)).toBe(true);
    const flipped = Uint8Array.from(signature, (byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    expect(sr25519.verify(flipped, bytes("message"), pair.publicKey)).toBe(false);
  });

  test("refuses a seed of another length", () => {
    expect(() => sr25519.pairFromSeed(new Uint8Array(31))).toThrow(expect.objectContaining({ code: "SEED_INVALID" }));
  });
});

describe("ss58", () => {
  property.prop([fc.uint8Array({ minLength: 32, maxLength: 32 })])("agrees with Substrate's own", (key) => {
    const address = hotkeyOf(key);
    expect(address).toBe(encodeAddress(key, 42));
    expect(toHex(decodeHotkey(address) ?? new Uint8Array())).toBe(toHex(decodeAddress(address)));
  });

  property.prop([
    fc.nat({ max: 47 }),
    fc.constantFrom(..."123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"),
  ])("a changed character is noticed", (at, character) => {
    const changed = hotkey.slice(0, at) + character + hotkey.slice(at + 1);
    expect(isHotkey(changed)).toBe(changed === hotkey);
  });

  test.each([
    [""],
    ["5"],
    [`${hotkey}1`],
    [hotkey.replace(/.$/, "0")],
    [encodeAddress(pair.publicKey, 0)],
    ["1".repeat(48)],
  ])("refuses %s", (text) => {
    expect(decodeHotkey(text)).toBeUndefined();
  });
});

describe("request signatures", () => {
  const bodyText = '{"query_vector":[0.1,1.0,0.00001,1],"metadata":{"b":{"z":1,"a":"é"}},"top_k":10}';
  const nonce = 1735000001123;

  test("what is signed is what is sent", () => {
    const sent = signRequestBody({ bodyText, endpoint: "QuerySynapse", nonce, hotkey, sign });
    expect(sent.startsWith(bodyText.slice(0, -1))).toBe(true);
    const body = readSubnetJson(sent) as SubnetObject;
    expect(body.get("hotkey")).toBe(hotkey);
    expect(body.get("nonce")).toBe(BigInt(nonce));
    const message = requestMessage(BigInt(nonce), "QuerySynapse", body);
    expect(verifyHotkeySignature(sr25519, hotkey, message, String(body.get("signature")))).toBe(true);
    const elsewhere = requestMessage(BigInt(nonce), "IngestSynapse", body);
    expect(verifyHotkeySignature(sr25519, hotkey, elsewhere, String(body.get("signature")))).toBe(false);
  });

  test("nested keys are covered, whatever the top level is called (M-W44)", () => {
    const payload = canonicalPayload(readSubnetJson(bodyText) as SubnetObject);
    expect(payload).toBe('{"metadata":{"b":{"a":"\\u00e9","z":1}},"query_vector":[0.1,1.0,1e-05,1],"top_k":10}');
  });

  test("only the three fields at the top are left out", () => {
    const body = fromPlain({ nonce: 1, hotkey: "x", signature: "y", deep: { nonce: 1 } }) as SubnetObject;
    expect(canonicalPayload(body)).toBe('{"deep":{"nonce":1}}');
    expect(canonicalPayload(new Map())).toBe("{}");
  });

  test("an empty body is signed too; one that has the fields already, or is no object, is not", () => {
    const options = { endpoint: "QuerySynapse", nonce, hotkey, sign };
    expect(readSubnetJson(signRequestBody({ ...options, bodyText: " {} \n" }))).toBeInstanceOf(Map);
    const unsignable = expect.objectContaining({ code: "REQUEST_UNSIGNABLE" });
    expect(() => signRequestBody({ ...options, bodyText: '{"nonce":1}' })).toThrow(unsignable);
    expect(() => signRequestBody({ ...options, bodyText: "[]" })).toThrow(unsignable);
  });

  test("the wrapped form counts, but not for another message", () => {
    const message = namespaceMessage("my_ns", nonce);
    const wrapped = toHex(sign(Buffer.concat([bytes("<Bytes>"), message, bytes("</Bytes>")])));
    expect(verifyHotkeySignature(sr25519, hotkey, message, wrapped)).toBe(true);
    expect(verifyHotkeySignature(sr25519, hotkey, namespaceMessage("my_ns", nonce + 1), wrapped)).toBe(false);
  });

  property.prop([fc.string(), fc.string()])("malformed keys and signatures are false", (key, signature) => {
    expect(verifyHotkeySignature(sr25519, key, bytes("m"), signature)).toBe(false);
    expect(verifyHotkeySignature(sr25519, hotkey, bytes("m"), signature)).toBe(false);
  });

  test.each([["zz"], ["0x"], [`0x${"ab".repeat(63)}`], [`${"ab".repeat(64)}zz`], [`0X${"ab".repeat(64)}`]])(
    "hex %s is refused",
    (signature) => {
      expect(verifyHotkeySignature(sr25519, hotkey, bytes("m"), signature)).toBe(false);
    },
  );

  test("a window includes both its ends", () => {
    expect(isWithinWindow(nonce, BigInt(nonce - REQUEST_WINDOW_MS), REQUEST_WINDOW_MS)).toBe(true);
    expect(isWithinWindow(nonce, nonce + REQUEST_WINDOW_MS, REQUEST_WINDOW_MS)).toBe(true);
    expect(isWithinWindow(nonce, nonce + REQUEST_WINDOW_MS + 1, REQUEST_WINDOW_MS)).toBe(false);
    expect(isWithinWindow(nonce, 10n ** 40n, NAMESPACE_WINDOW_MS)).toBe(false);
  });
});
