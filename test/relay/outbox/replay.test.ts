import { expect, test } from "vitest";
import { Relay } from "../../../src/relay/relay.ts";
import {
  anInference,
  newSigner,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  says,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";

const DAY = 86_400_000;

test("what waited a day for the receiver has a day again once a person replays it", async () => {
  await using home = await tempHome();
  const [gateway, clock, signer] = [new ScriptedGateway(), new StillClock(), newSigner()];
  const chain = new SteppedChain([validatorNeuron(1, signer)]);
  chain.grow(110);
  chain.finalize(100);
  gateway.answers = [says(202, "pending_chain")];
  const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const;
  const own = { ...settings, gateway: gateway.address };
  await using relay = new Relay({
    ...{ home: home.path, settings: own, signer, chain, http: gateway.http, sr25519, log: silent, clock },
  });
  await relay.submit(anInference());
  await relay.tick();
  clock.time += DAY + 1;
  await relay.tick();
  const [parked] = await relay.list("parked");
  expect(parked).toMatchObject({ lastError: "expired" });
  await relay.replay(parked?.job ?? "");
  await relay.tick();
  expect(await relay.list()).toMatchObject([{ state: "submitting", lastError: "pending_chain" }]);
});
