import { expect, test } from "vitest";
import { type Receipt, signReceipt } from "../../../src/relay/receipt.ts";
import { Relay } from "../../../src/relay/relay.ts";
import {
  newSigner,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  scoresOf,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";

const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const;

/** What becomes of a ranking whose receipt is the right one with `changes`, signed by the right gateway. */
async function relayed(changes: Partial<Receipt>) {
  await using home = await tempHome();
  const [gateway, clock, signer] = [new ScriptedGateway(), new StillClock(), newSigner()];
  const chain = new SteppedChain([validatorNeuron(1, signer)]);
  chain.grow(110);
  chain.finalize(100);
  gateway.answers = [
    ({ text }) =>
      Response.json({ receipt: signReceipt({ ...gateway.receipt(text), ...changes, payment: null }, gateway.signer) }),
  ];
  const own = { ...settings, gateway: gateway.address };
  await using relay = new Relay({
    ...{ home: home.path, settings: own, signer, chain, http: gateway.http, sr25519, log: silent, clock },
  });
  await relay.emitRanking({ block: 90, blockHash: chain.block(90).hash, roundId: 1, scores: scoresOf(1) });
  await relay.tick();
  const [submission] = await relay.list();
  return submission;
}

test("a receipt for exactly what was sent delivers it", async () => {
  expect(await relayed({})).toMatchObject({ state: "delivered", attempts: 0 });
});

test.each([
  ["a lesser assurance", { assurance: "author" as const }],
  ["another output", { output_hash: "0".repeat(64) }],
  ["another chain", { chain: "local:another" }],
])("a receipt of %s delivers nothing", async (_, changes) => {
  expect(await relayed(changes)).toMatchObject({
    ...{ state: "submitting", attempts: 1, lastError: "receipt_differs", receipt: null },
  });
});
