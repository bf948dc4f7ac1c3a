import { expect, test } from "vitest";
import { EngramError } from "../../../src/crypto/errors.ts";
import type { Metagraph } from "../../../src/node/ports.ts";
import { Relay } from "../../../src/relay/relay.ts";
import {
  anInference,
  newSigner,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  says,
  scoresOf,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";

/** A node that keeps no state of old blocks, as most do after an hour. */
class PrunedChain extends SteppedChain {
  isGone = false;

  override async metagraph(atBlock?: number): Promise<Metagraph> {
    if (this.isGone && atBlock !== undefined) throw new EngramError("CHAIN_HISTORY_GONE", "gone");
    return super.metagraph(atBlock);
  }
}

async function relayOver(home: string) {
  const [gateway, clock, signer] = [new ScriptedGateway(), new StillClock(), newSigner()];
  const chain = new PrunedChain([validatorNeuron(1, signer), validatorNeuron(2, newSigner())]);
  chain.grow(110);
  chain.finalize(40);
  const shared = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 2, deadlineMs: 5_000 } as const;
  const settings = { ...shared, gateway: gateway.address };
  const relay = new Relay({ home, settings, signer, chain, http: gateway.http, sr25519, log: silent, clock });
  const emit = () => relay.emitRanking({ block: 50, blockHash: chain.block(50).hash, roundId: 1, scores: scoresOf(1) });
  return { gateway, clock, chain, relay, emit };
}

test("a round whose voters the chain forgot before it was signed ends; an author's answer goes out all the same", async () => {
  await using home = await tempHome();
  const { chain, clock, relay, emit } = await relayOver(home.path);
  await emit();
  await relay.submit(anInference());
  chain.isGone = true;
  chain.finalize(100);
  clock.time += 3_600_000;
  await relay.tick();
  expect(await relay.list("skipped")).toMatchObject([{ outputType: "ranking", lastError: "round_forgotten" }]);
  expect(await relay.list("delivered")).toMatchObject([{ outputType: "inference", attempts: 0 }]);
  await relay[Symbol.asyncDispose]();
});

test("a round that waits for signatures when the chain forgets its voters is sent as it is, and ends in its hour", async () => {
  await using home = await tempHome();
  const { gateway, chain, clock, relay, emit } = await relayOver(home.path);
  gateway.answers = [says(202, "pending_quorum")];
  await emit();
  chain.finalize(100);
  clock.time += 600_000;
  await relay.tick();
  expect(await relay.list()).toMatchObject([{ state: "cosigning" }]);
  chain.isGone = true;
  clock.time += 60_000;
  await relay.tick();
  expect(await relay.list()).toMatchObject([{ state: "cosigning", lastError: "pending_quorum", lastHttpCode: 202 }]);
  clock.time += 3_600_001;
  await relay.tick();
  expect(await relay.list()).toMatchObject([{ state: "skipped", lastError: "no_quorum" }]);
  await relay[Symbol.asyncDispose]();
});
