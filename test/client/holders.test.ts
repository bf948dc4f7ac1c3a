import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { chooseHolders, chooseThreshold, nextHolders } from "../../src/node/client/key-shares/holders.ts";
import { judgeIndependence } from "../../src/node/client/key-shares/independence.ts";
import type { MinerView } from "../../src/node/client/replication/miner-directory.ts";
import type { Neuron } from "../../src/node/ports.ts";
import { FixedChain } from "../support/fixed-chain.ts";

const newHotkey = () => hotkeyOf(randomBytes(32));
const hotkeys = [newHotkey(), newHotkey()] as const;
const [one, two] = hotkeys;

class PublicChain extends FixedChain {
  override async identity(): Promise<string> {
    return "0xabc";
  }
}

const miner = (hotkey: (typeof hotkeys)[number], host: string, uid: number) => ({
  ...{ hotkey, url: `http://${host}:8091`, embedded: false, uid },
});
const neuron = (hotkey: Neuron["hotkey"], coldkey = newHotkey()): Neuron => ({
  ...{ uid: 0, hotkey, coldkey, endpoint: null, stakeTao: 0, validatorPermit: false, incentive: 0 },
});
const apart = [miner(one, "203.0.113.7", 0), miner(two, "198.51.100.7", 1)];

test("holders with different coldkeys in different networks are independent", async () => {
  const chain = new PublicChain([neuron(one), neuron(two)]);
  expect(await judgeIndependence(apart, chain)).toEqual({ independent: true });
  const six = [miner(one, "[2001:db8::1]", 0), miner(two, "[2001:db9::1]", 1)];
  expect(await judgeIndependence(six, chain)).toEqual({ independent: true });
});

const coldkey = newHotkey();
test.each([
  ["one coldkey", new PublicChain([neuron(one, coldkey), neuron(two, coldkey)]), apart, /one coldkey/],
  ["an unknown coldkey", new PublicChain([neuron(one)]), apart, /no coldkey/],
  [
    "one network",
    new PublicChain([neuron(one), neuron(two)]),
    [miner(one, "203.0.113.7", 0), miner(two, "203.0.113.99", 1)],
    /one network/,
  ],
  [
    "this machine",
    new PublicChain([neuron(one), neuron(two)]),
    [miner(one, "127.0.0.1", 0), miner(two, "198.51.100.7", 1)],
    /on this machine/,
  ],
  ["a simulated chain", new FixedChain([neuron(one), neuron(two)]), apart, /simulated/],
])("holders of %s are not", async (_, chain, miners, why) => {
  expect(await judgeIndependence(miners, chain)).toEqual({ independent: false, why: expect.stringMatching(why) });
});

/** As the directory sees a miner that may keep shares. */
const viewOf = (known: ReturnType<typeof miner>): MinerView => {
  const caps = ["auth2", "keyshare2"];
  const view = { miner: known, caps, trusted: true, reachable: true, verified: true, shareKey: "ab".repeat(32) };
  return view as unknown as MinerView;
};

test("one holder a coldkey and network is chosen where that leaves three, else all are", async () => {
  const more = [one, two, newHotkey(), newHotkey(), newHotkey()];
  const owner = newHotkey();
  const hosts = ["203.0.113.7", "203.0.113.8", "198.51.100.7", "192.0.2.7", "[2001:db8::1]"];
  const views = more.map((hotkey, index) => viewOf(miner(hotkey, hosts[index] ?? "", index)));
  const neurons = more.map((hotkey, index) => neuron(hotkey, index === 3 ? owner : newHotkey()));
  const chosen = async (chain: FixedChain, named?: readonly string[]) =>
    (await chooseHolders(views, named, chain)).map(({ view }) => view.miner.hotkey);
  expect(await chosen(new PublicChain(neurons))).toEqual([one, more[2], more[3], more[4]]);
  const oneOwner = neurons.map((known, index) => (index > 1 ? { ...known, coldkey: owner } : known));
  expect((await chosen(new PublicChain(oneOwner))).toSorted()).toEqual(more.toSorted());
  expect(await chosen(new FixedChain(neurons))).toEqual(more);
  expect(await chosen(new PublicChain(neurons), [one, two])).toEqual([one, two]);
  // Former holders stay; what is missing comes from those that stand apart first.
  expect(await nextHolders(views, [two, newHotkey(), newHotkey()], new PublicChain(neurons))).toEqual([
    two,
    one,
    more[2],
  ]);
});

test("the threshold is more than half, never one, and never above the holders", () => {
  expect([2, 3, 4, 5, 9, 10].map((total) => chooseThreshold(undefined, total))).toEqual([2, 3, 3, 4, 6, 6]);
  for (const asked of [0, 1, 4, 2.5]) expect(() => chooseThreshold(asked, 3)).toThrow(/threshold/);
});
