import { expect, test } from "vitest";
import { knownMiners } from "../../src/node/client/replication/miner-list.ts";
import type { Neuron } from "../../src/node/ports.ts";
import { newSigner } from "../relay/relay-kit.ts";
import { FixedChain } from "../support/fixed-chain.ts";

function neuron(uid: number, validatorPermit: boolean, endpoint: string | null): Neuron {
  const { hotkey } = newSigner();
  return {
    uid,
    hotkey,
    coldkey: hotkey,
    endpoint,
    stakeTao: validatorPermit ? 1_000 : 0,
    validatorPermit,
    incentive: 0,
  };
}

const embedded = async () => undefined;

test("a validator that serves an address is no miner", async () => {
  const chain = new FixedChain([
    neuron(0, true, "http://127.0.0.1:1"),
    neuron(1, false, "http://127.0.0.1:2/"),
    neuron(2, false, null),
  ]);
  const found = await knownMiners([], chain, embedded);
  expect(found.map(({ uid, url }) => ({ uid, url }))).toEqual([{ uid: 1, url: "http://127.0.0.1:2" }]);
});

test("with validators alone on the chain, the miner of this process is the only one", async () => {
  const own = { hotkey: newSigner().hotkey, url: "http://embedded", embedded: true, uid: 0 };
  const chain = new FixedChain([neuron(0, true, "http://127.0.0.1:1")]);
  expect(await knownMiners([], chain, async () => own)).toEqual([own]);
});
