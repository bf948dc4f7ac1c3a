import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { SignaturePool, type SignaturePoolOptions, verifierHere } from "../../src/node/runtime/signature-pool.ts";

const sr25519 = await loadSr25519();
const pair = sr25519.pairFromSeed(randomBytes(32));
const hotkey = hotkeyOf(pair.publicKey);
const signed = (text: string) => {
  const message = Buffer.from(text);
  return { hotkey, message, signature: `0x${toHex(sr25519.sign(pair, message))}` };
};
const open = (options: Partial<SignaturePoolOptions> = {}) => new SignaturePool({ sr25519, size: 1, ...options });

const good = signed("a");
const wrapped = { ...good, signature: toHex(sr25519.sign(pair, Buffer.from("<Bytes>a</Bytes>"))) };
const cases = [
  ["good", good, true],
  ["wrapped", wrapped, true],
  ["over another message", { ...good, message: Buffer.from("b") }, false],
  ["another's", { ...good, hotkey: hotkeyOf(sr25519.pairFromSeed(randomBytes(32)).publicKey) }, false],
  ["no hex", { ...good, signature: "zz" }, false],
  ["too short", { ...good, signature: good.signature.slice(0, -2) }, false],
  ["of no hotkey", { ...good, hotkey: "nobody" }, false],
] as const;

test.each(cases)("a signature that is %s is judged the same in the pool and here", async (_, check, expected) => {
  await using pool = open();
  expect(await pool.verify(check)).toBe(expected);
  await pool.warm();
  expect(await pool.verify(check)).toBe(expected);
  expect(await verifierHere(sr25519).verify(check)).toBe(expected);
});

test("many at once are each answered for themselves", async () => {
  await using pool = open({ size: 2 });
  await pool.warm();
  const checks = Array.from({ length: 100 }, (_, index) => {
    const check = signed(`message ${index}`);
    return index % 7 === 0 ? { ...check, message: Buffer.from("another") } : check;
  });
  const answers = await Promise.all(checks.map((check) => pool.verify(check)));
  expect(answers).toEqual(checks.map((_, index) => index % 7 !== 0));
});

test("more than may wait are refused, and those that wait are answered", async () => {
  await using pool = open({ queueLimit: 3 });
  await pool.warm();
  const settled = await Promise.allSettled(Array.from({ length: 6 }, () => pool.verify(good)));
  const refused = settled.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));
  // The first is at work, three wait.
  expect(refused).toEqual(["SIGNATURES_BUSY", "SIGNATURES_BUSY"]);
  expect(settled.filter((outcome) => outcome.status === "fulfilled" && outcome.value)).toHaveLength(4);
  expect(await pool.verify(good)).toBe(true);
});

test("a worker that is late is not waited for", async () => {
  await using pool = open({ deadlineMs: 0 });
  await pool.warm();
  const bad = { ...good, message: Buffer.from("b") };
  const checks = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? good : bad));
  const answers = await Promise.all(checks.map((check) => pool.verify(check)));
  expect(answers).toEqual(checks.map((check) => check === good));
});

test("closing answers what was asked, and what is asked later", async () => {
  const pool = open();
  await pool.warm();
  const asked = Promise.all(Array.from({ length: 50 }, () => pool.verify(good)));
  await pool[Symbol.asyncDispose]();
  expect(await asked).toEqual(Array.from({ length: 50 }, () => true));
  expect(await pool.verify(good)).toBe(true);
  expect(await pool.verify(wrapped)).toBe(true);
  await pool[Symbol.asyncDispose]();
});

test("a pool that nobody asked closes at once", async () => {
  await open()[Symbol.asyncDispose]();
});
