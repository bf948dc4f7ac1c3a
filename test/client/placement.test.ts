import { expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { assignNodes } from "../../src/crypto/xor-placement.ts";
import type { MinerView } from "../../src/node/client/replication/miner-directory.ts";
import { assign, placementFingerprint } from "../../src/node/client/replication/placement.ts";

const views = (stakeOf: (uid: number) => number) =>
  Array.from({ length: 12 }, (_, uid) => {
    const hotkey = hotkeyOf(Buffer.alloc(32, uid + 1));
    return {
      miner: { uid, hotkey, embedded: false, stakeTao: stakeOf(uid) },
      trusted: true,
      caps: [],
    } as unknown as MinerView;
  });
const uids = (key: string, stakeOf: (uid: number) => number) =>
  assign(key, views(stakeOf)).map(({ miner }) => miner.uid);
const policy = { privateOnReferenceMiners: false };

test("records go where they are near, and to those with a stake first", () => {
  const nodes = views(() => 0).map(({ miner }) => miner);
  const order = assignNodes("v1::x", nodes, 12).map(({ uid }) => uid);
  expect(uids("v1::x", () => 0)).toEqual(order.slice(0, 3));
  expect(uids("v1::x", () => 100)).toEqual(order.slice(0, 3));
  expect(uids("v1::x", (uid) => (uid === order[4] ? 1_000 : 0))).toContain(order[4]);
  expect(uids("v1::x", (uid) => (uid === order[11] ? 1_000 : 0))).toEqual(order.slice(0, 3));
});

test("records are placed anew when a stake came or went, not with each block's emission", () => {
  const fingerprint = (stake: number) =>
    placementFingerprint(
      views((uid) => (uid === 3 ? stake : 100)),
      policy,
    );
  expect(fingerprint(100.5)).toBe(fingerprint(100));
  expect(fingerprint(0)).not.toBe(fingerprint(100));
});
