import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import {
  isCommitted,
  keyFingerprint,
  manifestMessage,
  type ShareManifest,
  shareCommitment,
  signManifest,
  verifyManifest,
} from "../../src/crypto/key-shares.ts";
import { type Share, splitSecret } from "../../src/crypto/shamir.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";

const sr25519 = await loadSr25519();
const [owner, other] = [sr25519.pairFromSeed(randomBytes(32)), sr25519.pairFromSeed(randomBytes(32))];
const facts = { namespace: "garden", epoch: 4, threshold: 2, total: 3 };
const shares = splitSecret(randomBytes(32), facts, randomBytes);
const manifest: ShareManifest = {
  ...facts,
  key_epoch: 0,
  public_key: "ab".repeat(32),
  commitments: shares.map((share) => shareCommitment(facts, share)),
};
const first: Share = { index: 1, bytes: shares[0]?.bytes ?? new Uint8Array() };

test("a commitment is the same for ever", () => {
  const share = { index: 2, bytes: Uint8Array.from({ length: 32 }, (_, at) => at) };
  const split = { namespace: "n", epoch: 1, threshold: 2, total: 3 };
  expect(shareCommitment(split, share)).toBe("b1aab5957a25679e560f596b130d0e27d8bfbb82df004a6826bbb687e2210990");
});

test("a manifest counts as its owner's alone, and every word of it is signed", () => {
  const signed = signManifest(manifest, (message) => sr25519.sign(owner, message));
  expect(verifyManifest(sr25519, signed, hotkeyOf(owner.publicKey))).toBe(true);
  expect(verifyManifest(sr25519, signed, hotkeyOf(other.publicKey))).toBe(false);
  const changes: Partial<ShareManifest>[] = [
    { namespace: "garten" },
    { epoch: 5 },
    { threshold: 3 },
    { total: 4 },
    { key_epoch: 1 },
    { public_key: "ac".repeat(32) },
    { commitments: [...manifest.commitments].reverse() },
  ];
  expect(changes.map((change) => Object.keys(change)[0]).sort()).toEqual(Object.keys(manifest).sort());
  for (const change of changes) {
    const changed = { ...signed, manifest: { ...manifest, ...change } };
    expect(verifyManifest(sr25519, changed, hotkeyOf(owner.publicKey))).toBe(false);
  }
});

test("a commitment binds share, index, policy, epoch and namespace", () => {
  for (const share of shares) expect(isCommitted(manifest, share)).toBe(true);
  for (const index of [0, 2, 4, 1.5, -1]) expect(isCommitted(manifest, { ...first, index })).toBe(false);
  expect(isCommitted(manifest, { index: 1, bytes: first.bytes.map((byte, at) => (at === 31 ? byte ^ 1 : byte)) })).toBe(
    false,
  );
  expect(isCommitted(manifest, { index: 1, bytes: first.bytes.subarray(0, 31) })).toBe(false);
  for (const change of [{ namespace: "gardens" }, { epoch: 5 }, { threshold: 3 }, { total: 4 }]) {
    expect(isCommitted({ ...manifest, ...change }, first)).toBe(false);
  }
  expect(Buffer.from(manifestMessage(manifest)).toString()).not.toContain(Buffer.from(first.bytes).toString("hex"));
});

test("fingerprints tell keys apart and are short enough to read out", () => {
  expect(keyFingerprint("ab".repeat(32))).toMatch(/^([0-9a-f]{4}-){3}[0-9a-f]{4}$/);
  expect(keyFingerprint("ab".repeat(32))).not.toBe(keyFingerprint("ac".repeat(32)));
});
