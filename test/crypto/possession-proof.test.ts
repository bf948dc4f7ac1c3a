import { expect, test } from "vitest";
import { batchProof, verifyBatchProof } from "../../src/crypto/batch-proof.ts";
import { possessionProof, verifyPossessionProof } from "../../src/crypto/possession-proof.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { objectFromPlain } from "../../src/crypto/subnet-json.ts";

const hotkey = (fill: number) => hotkeyOf(new Uint8Array(32).fill(fill));
const record = {
  cid: `v1::${"ab".repeat(32)}`,
  embedding: Float32Array.of(0.25, -1, 3, 0),
  metadata: objectFromPlain({ text: "one", n: 1 }),
};
const challenge = {
  nonce: new Uint8Array(32).fill(7),
  validator: hotkey(1),
  miner: hotkey(2),
  expiresAt: 1_700_000_000,
};

test("a possession proof is deterministic and verifies", () => {
  const proof = possessionProof(record, challenge);
  expect(proof).toMatch(/^[0-9a-f]{64}$/);
  expect(possessionProof(record, { ...challenge })).toBe(proof);
  expect(verifyPossessionProof(proof, record, challenge)).toBe(true);
});

test("it is bound to every part of record and challenge", () => {
  const proof = possessionProof(record, challenge);
  const others = [
    [{ ...record, cid: `v1::${"ac".repeat(32)}` }, challenge],
    [{ ...record, embedding: Float32Array.of(0.25, -1, 3, -0) }, challenge],
    [{ ...record, embedding: Float32Array.of(0.25, -1, 3) }, challenge],
    [{ ...record, metadata: objectFromPlain({ text: "one", n: 2 }) }, challenge],
    [{ ...record, metadata: objectFromPlain({}) }, challenge],
    [record, { ...challenge, nonce: new Uint8Array(32).fill(8) }],
    [record, { ...challenge, validator: hotkey(3) }],
    [record, { ...challenge, miner: hotkey(3) }],
    [record, { ...challenge, validator: challenge.miner, miner: challenge.validator }],
    [record, { ...challenge, expiresAt: challenge.expiresAt + 1 }],
  ] as const;
  for (const [heldRecord, made] of others) expect(verifyPossessionProof(proof, heldRecord, made)).toBe(false);
  for (const text of ["", "zz", proof.slice(2), `${proof}00`]) {
    expect(verifyPossessionProof(text, record, challenge)).toBe(false);
  }
});

test("the order of metadata keys does not matter, as it does not to the CID", () => {
  const turned = { ...record, metadata: objectFromPlain({ n: 1, text: "one" }) };
  expect(possessionProof(turned, challenge)).toBe(possessionProof(record, challenge));
});

test("batch entries cannot be swapped, left out or taken from another validator (spec 14.1)", () => {
  const items = [1, 2, 3].map((value) => ({ cid: `cid ${value}`, embedding: Float32Array.of(value, 1) }));
  const batch = { nonce: new Uint8Array(32).fill(9), validatorKey: new Uint8Array(32).fill(1), expiresAt: 100 };
  const answer = batchProof(items, batch);
  const [first, second, third] = answer.entries;
  const verdicts = (entries: typeof answer.entries) => verifyBatchProof({ ...answer, entries }, items, batch, 100);
  expect(verdicts(answer.entries)).toEqual([true, true, true]);
  expect(verdicts([second ?? null, first ?? null, third ?? null])).toEqual([false, false, true]);
  expect(verdicts([first ?? null, null])).toEqual([true, false, false]);
  const renamed = second ? { ...second, cid: "cid 1" } : null;
  expect(verdicts([renamed, first ?? null])).toEqual([false, false, false]);
  const foreign = batchProof(items, { ...batch, validatorKey: new Uint8Array(32).fill(2) });
  expect(verdicts(foreign.entries)).toEqual([false, false, false]);
});
