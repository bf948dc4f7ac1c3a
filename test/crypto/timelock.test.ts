import { fc, test as property } from "@fast-check/vitest";
import { bls12_381 as bls } from "@noble/curves/bls12-381.js";
import { expect, test } from "vitest";
import { countedEpoch, firstRevealBlock, type RevealTime, revealRound } from "../../src/crypto/reveal-round.ts";
import { QUICKNET, roundIdentity, timelockSeal } from "../../src/crypto/timelock.ts";
import { timelockOpen } from "../support/timelock-opener.ts";

/** What drand published in round 1000. */
const ROUND_1000 = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

/** A seal of fixed randomness that the chain's own library opens. */
const PLAINTEXT =
  "80171e252c333a41484f565d646b727980878e959ca3aab1b8bfc6cdd4dbe2e9f0100000010007002c0110ffff010000800900cb04fb711f010000";
const SEALED =
  "91f86ac53a4910b65b71a74c766fc44307bf12b39b934d4facacd509816f15235f1aedfe2785e051ee8818f681ee6512118085132fd88ee9bd1c320034a3d5688b53468c4af114b4732c4c54cf7f495184a356da2c05a43a37a2e85c80f800452000000000000000c774f1733639f4616b5b33f0d3cb956e9cda64cba69ce7b9dd4807c4c878ef5420000000000000000f70a610546ab41fa28f18af3ee890f3c19cacd7c34f2b53280b2f8f3de2d31b67000000000000004b000000000000007ccfdba71336ba83720a2fff4c0ad2c07560af3009d65d2a949510bdc4edf32a514daed110efbe927477b78b63a3f17d7ec5496bb457371a57ff98d530475e5300484baac360e4645a140f0c000000000000005d646b727980878e959ca3aa08000000000000004145535f47434d5f";
const pattern = (start: number, length: number) => Uint8Array.from({ length }, (_, i) => start * 31 + i * 7);

test("drand's signature of round 1000 is one of the identity that is sealed for", () => {
  const { shortSignatures: signatures } = bls;
  const publicKey = bls.G2.Point.fromHex(QUICKNET.publicKey);
  const signature = bls.G1.Point.fromHex(ROUND_1000);
  expect(signatures.verify(signature, roundIdentity(1000), publicKey)).toBe(true);
  expect(signatures.verify(signature, roundIdentity(1001), publicKey)).toBe(false);
});

test("a seal opens with its round's signature and says byte for byte what the chain expects", () => {
  const randomness = { key: pattern(1, 32), sigma: pattern(2, 32), nonce: pattern(3, 12) };
  const sealed = timelockSeal(Buffer.from(PLAINTEXT, "hex"), 1000, randomness);
  expect(Buffer.from(sealed).toString("hex")).toBe(SEALED);
  expect(Buffer.from(timelockOpen(sealed, ROUND_1000)).toString("hex")).toBe(PLAINTEXT);
});

test("every seal is another, and one for another round or one that was changed does not open", () => {
  const plaintext = Buffer.from("weights");
  const [one, other, later] = [1000, 1000, 1001].map((round) => timelockSeal(plaintext, round)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  expect(Buffer.from(timelockOpen(one, ROUND_1000))).toEqual(plaintext);
  expect(Buffer.compare(one, other)).not.toBe(0);
  expect(() => timelockOpen(later, ROUND_1000)).toThrow("another round");
  const changed = one.with(one.length - 60, (one.at(-60) ?? 0) ^ 1);
  expect(() => timelockOpen(changed, ROUND_1000)).toThrow();
});

const NOW = 1_763_000_000_000;

test("where epochs are counted, the round comes three blocks behind the reveal epoch's first block", () => {
  const epochs = { kind: "counted", netuid: 450, tempo: 360 } as const;
  const time: RevealTime = { head: 7_000_000, now: NOW, revealPeriod: 1, epochs };
  const first = firstRevealBlock(time) ?? 0;
  // (7000001 + 451) / 361 lies in epoch 19391, and 19392 · 361 − 451 = 7000061.
  expect(first).toBe(7_000_061);
  expect(countedEpoch(first - 1, epochs) + 1).toBe(countedEpoch(first, epochs));
  expect(revealRound(time)).toBe(Math.floor((NOW / 1000 + 64 * 12 - 1_692_803_367) / 3));
  expect(firstRevealBlock({ ...time, revealPeriod: 3 })).toBe(first + 2 * 361);
  expect(revealRound({ ...time, blockMs: 250 })).toBe(Math.floor((NOW / 1000 + 16 - 1_692_803_367) / 3));
});

test("a commit that is included in a new epoch's first block is revealed an epoch later", () => {
  const epochs = { kind: "counted", netuid: 1, tempo: 9 } as const;
  const first = (head: number) => firstRevealBlock({ head, now: NOW, revealPeriod: 1, epochs });
  // Epochs begin at 8, 18, 28.
  expect(first(16)).toBe(18);
  expect(first(17)).toBe(28);
});

const kept = { kind: "kept", tempo: 360, lastEpochBlock: 1_000, pendingEpochAt: 0, blocksSinceLastStep: 10 } as const;
const firstKept = (head: number, epochs: object = {}, revealPeriod = 1) =>
  firstRevealBlock({ head, now: NOW, revealPeriod, epochs: { ...kept, ...epochs } });

test("where epochs are kept account of, the reveal epoch follows the last one, or the one that is asked for", () => {
  expect(firstKept(1_100)).toBe(1_360);
  expect(firstKept(1_100, {}, 3)).toBe(1_360 + 2 * 360);
  expect(firstKept(1_100, { pendingEpochAt: 1_200 })).toBe(1_200);
  expect(firstKept(1_100, { pendingEpochAt: 1_200 }, 2)).toBe(1_560);
  expect(firstKept(1_100, { pendingEpochAt: 2_000 })).toBe(1_360);
});

test("an epoch that runs with the commit, or that is overdue, counts as before it", () => {
  expect(firstKept(1_359)).toBe(1_720);
  expect(firstKept(1_358)).toBe(1_360);
  expect(firstKept(1_100, { pendingEpochAt: 1_101 })).toBe(1_461);
  expect(firstKept(1_100, { tempo: 60_000, blocksSinceLastStep: 50_400 })).toBe(1_102);
});

test("a subnet without epochs reveals nothing", () => {
  expect(firstKept(1_100, { tempo: 0 })).toBeNull();
  const epochs = { kind: "counted", netuid: 1, tempo: 0 } as const;
  expect(revealRound({ head: 1, now: NOW, revealPeriod: 1, epochs })).toBeNull();
});

property.prop([fc.integer({ min: 1, max: 400 }), fc.nat({ max: 800 }), fc.integer({ min: 1, max: 4 })])(
  "without pending epochs both accounts agree about whole periods",
  (tempo, since, revealPeriod) => {
    const head = 10_000 + (since % tempo);
    const epochs = { kind: "kept", tempo, lastEpochBlock: 10_000, pendingEpochAt: 0, blocksSinceLastStep: 0 } as const;
    const first = firstRevealBlock({ head, now: NOW, revealPeriod, epochs }) ?? 0;
    expect((first - 10_000) % tempo).toBe(0);
    expect(first).toBeGreaterThan(head + 1);
    expect(first - (head + 1)).toBeLessThanOrEqual(tempo * revealPeriod);
  },
);
