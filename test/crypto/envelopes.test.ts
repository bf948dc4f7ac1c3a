import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { fromBase64url, toBase64url } from "../../src/crypto/base64url.ts";
import { openEnvelope, sealEnvelope } from "../../src/crypto/envelope.ts";
import { openLegacyEnvelope } from "../../src/crypto/legacy-envelope.ts";
import { MAX_ENVELOPE_JSON_BYTES, padEnvelopeJson, responsePad, responseTargetMs } from "../../src/crypto/padding.ts";
import { writePythonDefault } from "../../src/crypto/subnet-json-writer.ts";
import { x25519Pair } from "../../src/crypto/x25519.ts";

const owner = x25519Pair(new Uint8Array(32).fill(3));
const stranger = x25519Pair(new Uint8Array(32).fill(4));
const unreadable = expect.objectContaining({ code: "ENVELOPE_UNREADABLE" });
const plaintext = Buffer.from('{"text":"hello"}');

describe("envelopes", () => {
  property.prop([fc.uint8Array({ maxLength: 3000 })], { numRuns: 50 })("open with the owner's key alone", (content) => {
    const blob = sealEnvelope(content, owner.publicKey);
    expect(Buffer.compare(openEnvelope(blob, owner.privateKey), content)).toBe(0);
    expect(() => openEnvelope(blob, stranger.privateKey)).toThrow(unreadable);
  });

  test("two of the same plaintext have nothing in common", () => {
    const [one, other] = [sealEnvelope(plaintext, owner.publicKey), sealEnvelope(plaintext, owner.publicKey)];
    expect(one?.slice(0, 40)).not.toBe(other?.slice(0, 40));
  });

  property.prop([fc.nat(), fc.integer({ min: 1, max: 255 })], { numRuns: 60 })(
    "one changed byte anywhere is one and the same error",
    (at, change) => {
      const wire = fromBase64url(sealEnvelope(plaintext, owner.publicKey)) ?? new Uint8Array();
      const index = at % wire.length;
      // X25519 ignores the top bit of a public key; the key derivation does not.
      const changed = wire.map((byte, position) => (position === index ? byte ^ change : byte));
      expect(() => openEnvelope(toBase64url(changed), owner.privateKey)).toThrow(unreadable);
    },
  );

  property.prop([fc.string()])("text that is no envelope is that error too", (text) => {
    expect(() => openEnvelope(text, owner.privateKey)).toThrow(unreadable);
  });

  test("a low-order public key is refused on both sides", () => {
    expect(() => sealEnvelope(plaintext, new Uint8Array(32))).toThrow();
    const forged = toBase64url(new Uint8Array(32 + 12 + 16));
    expect(() => openEnvelope(forged, owner.privateKey)).toThrow(unreadable);
  });

  test.each([["AAAA "], ["AA=A"], ["AAA=="], ["AAB="], ["AA+A"], ["A"]])("base64url %s is refused", (text) => {
    expect(fromBase64url(text)).toBeUndefined();
  });

  property.prop([fc.uint8Array()])("base64url reads with and without padding", (content) => {
    const text = toBase64url(content);
    expect(text.length % 4).toBe(0);
    expect(fromBase64url(text)).toEqual(content);
    expect(fromBase64url(text.replace(/=+$/, ""))).toEqual(content);
  });

  test("a legacy envelope that is none is the same error", async () => {
    await expect(openLegacyEnvelope("AAAA", "super-secret-key-123", "my_ns")).rejects.toEqual(unreadable);
    await expect(openLegacyEnvelope("!", "super-secret-key-123", "my_ns")).rejects.toEqual(unreadable);
  });
});

describe("padding", () => {
  const texts = fc.string({ unit: "binary", minLength: 0, maxLength: 900 });

  property.prop([texts])("fills a bucket and changes nothing but _pad", (text) => {
    const padded = padEnvelopeJson(JSON.stringify({ text }));
    expect([256, 512, 1024, 2048, 3003]).toContain(padded.length);
    const { _pad, ...rest } = JSON.parse(Buffer.from(padded).toString("utf8"));
    expect(rest).toEqual({ text });
    expect(_pad).toMatch(/^x*$/);
  });

  test("the fullest envelope fits the miner's metadata limit of 4096 bytes", () => {
    const text = `{"text":"${"a".repeat(MAX_ENVELOPE_JSON_BYTES - 11)}"}`;
    const blob = sealEnvelope(padEnvelopeJson(text), owner.publicKey);
    expect(writePythonDefault(new Map([["_enc", blob]])).length).toBeLessThanOrEqual(4096);
    expect(() => padEnvelopeJson(`${text.slice(0, -2)}a"}`)).toThrow(
      expect.objectContaining({ code: "ENVELOPE_TOO_LARGE" }),
    );
  });

  test.each([["{}"], [""], ["[1]"], ['{"a":1} ']])("%j cannot be padded", (text) => {
    expect(() => padEnvelopeJson(text)).toThrow(RangeError);
  });

  property.prop([fc.nat({ max: 300_000 })])("a reply always lands on a bucket", (length) => {
    const body = length + ', "_p": ""'.length + responsePad(length);
    expect([1024, 4096, 16384].includes(body) || body % 65536 === 0).toBe(true);
    expect(responsePad(length)).toBeGreaterThan(0);
  });

  test("a reply waits for a whole step", () => {
    expect([0, 100, 101].map(responseTargetMs)).toEqual([100, 100, 200]);
  });
});
