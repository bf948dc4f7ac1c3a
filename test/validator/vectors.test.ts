import { afterEach, beforeEach, expect, test } from "vitest";
import { type SignedScoreVector, signScoreVector } from "../../src/crypto/consensus-message.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { openWallet, type Wallet } from "../../src/node/chain/wallet.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import type { RunningValidator } from "../../src/node/validator/start-validator.ts";
import { VECTOR_PATH, vectorMessageText } from "../../src/node/validator/vector-message.ts";
import { Subnet } from "./subnet.ts";

let subnet: Subnet;
let validator: RunningValidator;
let peer: Wallet;
let caller: Auth2Caller;

beforeEach(async () => {
  subnet = await Subnet.start();
  peer = await openWallet(`${subnet.folder}/peer`);
  await subnet.chain.register(peer.hotkey, peer.hotkey);
  await subnet.chain.stake(peer.hotkey, 10);
  await subnet.chain.step(3);
  validator = await subnet.validator("validator");
  caller = new Auth2Caller({ signer: peer, sr25519: await loadSr25519(), clock: systemClock });
});
afterEach(() => subnet[Symbol.asyncDispose]());

function vector(changed: Partial<{ block: number; scores: ReadonlyMap<number, number>; timestampMs: number }> = {}) {
  const plain = { block: 2, scores: new Map([[0, 0.5]]), timestampMs: systemClock.now() };
  return signScoreVector({ ...plain, ...changed }, peer);
}

async function send(signed: SignedScoreVector, chain?: string): Promise<number> {
  const text = vectorMessageText(chain ?? (await subnet.chain.identity()), signed);
  const to = { hotkey: validator.hotkey, url: validator.url };
  const limits = { deadlineMs: 5_000, maxBytes: 65_536 };
  return (await caller.post(createHttpClient(), to, VECTOR_PATH, text, limits)).status;
}

test("a permitted validator's signed scores are kept, again too, but never replaced", async () => {
  const first = vector();
  expect(await send(first)).toBe(200);
  expect(await send(first)).toBe(200);
  expect(await send(vector({ scores: new Map([[0, 0.6]]) }))).toBe(409);
  expect(await send(vector({ block: 3 }))).toBe(409);
});

test.each<[string, number, () => SignedScoreVector]>([
  ["scores above 1", 400, () => vector({ scores: new Map([[0, 50]]) })],
  ["scores below 0", 400, () => vector({ scores: new Map([[0, -0.1]]) })],
  ["an unknown uid", 400, () => vector({ scores: new Map([[77, 0.5]]) })],
  ["another signature", 401, () => ({ ...vector(), signature: vector({ block: 1 }).signature })],
  ["another's hotkey", 403, () => ({ ...vector(), validatorHotkey: validator.hotkey })],
  ["a round far ahead", 400, () => vector({ block: 1_000 })],
  ["a time long past", 400, () => vector({ timestampMs: systemClock.now() - 700_000 })],
  ["a time far ahead", 400, () => vector({ timestampMs: systemClock.now() + 700_000 })],
])("%s: %i", async (_, status, made) => {
  expect(await send(made())).toBe(status);
  expect(await send(vector())).toBe(200);
});

test("scores of another chain, of one without a permit, and unsigned requests are refused", async () => {
  expect(await send(vector(), "local:another")).toBe(400);
  const plain = await fetch(`${validator.url}${VECTOR_PATH}`, { method: "POST", body: "{}" });
  expect(plain.status).toBe(401);
  await subnet.chain.stake(peer.hotkey, 0);
  await subnet.chain.step();
  expect(await send(vector())).toBe(403);
});
