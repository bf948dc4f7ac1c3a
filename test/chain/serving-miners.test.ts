import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { placesOf } from "../../src/crypto/xor-placement.ts";
import { servingMiners } from "../../src/node/chain/serving-miners.ts";
import type { MinerView } from "../../src/node/client/replication/miner-directory.ts";
import { knownMiners } from "../../src/node/client/replication/miner-list.ts";
import { assign, isPublicHolder } from "../../src/node/client/replication/placement.ts";
import { copyPlaces } from "../../src/node/miner/copies/copy-places.ts";
import type { Neuron } from "../../src/node/ports.ts";
import { FixedChain } from "../support/fixed-chain.ts";

function neuron(uid: number, changes: Partial<Neuron> = {}): Neuron {
  const hotkey = hotkeyOf(Buffer.alloc(32, uid + 1));
  const endpoint = `http://127.0.0.1:${9_000 + uid}`;
  return { uid, hotkey, coldkey: hotkey, endpoint, stakeTao: 0, validatorPermit: false, incentive: 0, ...changes };
}

const someNeuron = fc.record({
  endpoint: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }).map((n) => `http://127.0.0.1:${n}`) },
    fc.constantFrom(null, "http://10.0.0.1:80", "http://8.8.8.8:1", "https://[::1]:9", "http://x.test:1", "junk"),
  ),
  stakeTao: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
  validatorPermit: fc.boolean().map((is) => is),
});

property.prop([fc.array(someNeuron, { maxLength: 80 }), fc.array(fc.string(), { minLength: 4, maxLength: 12 })])(
  "client, miners and validator place a record alike, whatever the chain shows (V-W28)",
  async (rows, names) => {
    const neurons = rows.map((row, uid) => neuron(uid, row));
    const miners = servingMiners(neurons, true);
    const known = await knownMiners([], new FixedChain(neurons), async () => undefined);
    const views = known.map((miner) => ({ miner, trusted: true, caps: [] }) as unknown as MinerView);
    const byHotkey = new Map(neurons.map((one) => [one.hotkey, one]));
    for (const name of names) {
      const cid = `v1::${name}`;
      const validator = placesOf(cid, miners)
        .slice(0, 3)
        .map(({ hotkey }) => hotkey);
      expect(assign(cid, views, isPublicHolder).map(({ miner }) => miner.hotkey)).toEqual(validator);
      for (const { hotkey: self } of miners.slice(0, 5)) {
        const others = validator.filter((hotkey) => hotkey !== self);
        expect(copyPlaces(byHotkey, self, true).othersFor(cid)).toEqual(others);
      }
    }
  },
);

test("256 neurons all take part: no table is too small for one (V-W28)", () => {
  const neurons = Array.from({ length: 256 }, (_, uid) =>
    neuron(uid, { hotkey: hotkeyOf(new Uint8Array(32).fill(7).with(0, uid)) }),
  );
  const miners = servingMiners(neurons, true);
  expect(miners).toHaveLength(256);
  const used = new Set(
    Array.from({ length: 2_000 }, (_, n) => placesOf(`v1::${n}`, miners).slice(0, 3))
      .flat()
      .map(({ uid }) => uid),
  );
  expect(used.size).toBe(256);
});

test("one address is one place: that of the most stake, then of the lowest uid (V-W29)", () => {
  const endpoint = "http://127.0.0.1:9000";
  const uidsOf = (neurons: readonly Neuron[]) => servingMiners(neurons, true).map(({ uid }) => uid);
  expect(uidsOf([neuron(0, { endpoint }), neuron(1, { endpoint }), neuron(2)])).toEqual([0, 2]);
  expect(uidsOf([neuron(0, { endpoint }), neuron(1, { endpoint, stakeTao: 5 }), neuron(2)])).toEqual([1, 2]);
  expect(uidsOf([neuron(0, { endpoint }), neuron(1, { endpoint: `${endpoint}/` })])).toEqual([0]);
});

test("for a holder that answers as somebody else the next one stands in, and the others stay", () => {
  const miners = Array.from({ length: 9 }, (_, uid) => neuron(uid));
  const places = placesOf("v1::x", miners).map(({ hotkey }) => hotkey);
  const views = miners.map(
    (miner) => ({ miner, trusted: miner.hotkey !== places[1], caps: [] }) as unknown as MinerView,
  );
  const assigned = assign("v1::x", views, isPublicHolder).map(({ miner }) => miner.hotkey);
  expect(assigned).toEqual([places[0], places[2], places[3]]);
});
