import { expect, test } from "vitest";
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

const signer = newSigner();
const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 4, deadlineMs: 5_000 } as const;

/** The addresses of validators that a relay asks for co-signatures on the chain `identity`. */
async function asked(identity: string, at?: string): Promise<readonly string[]> {
  const hosts = ["169.254.169.254", "127.0.0.1:6379", "inner.example", "8.8.8.8:8091"];
  const peers = hosts.map((host, index) => validatorNeuron(index + 2, newSigner(), `http://${host}`));
  const chain = new SteppedChain([validatorNeuron(1, signer), ...peers]);
  chain.identityText = identity;
  chain.grow(150);
  chain.finalize(140);
  const called: string[] = [];
  const gateway = new ScriptedGateway(({ url }) => {
    if (url.startsWith("http://gateway.test/")) return undefined;
    called.push(new URL(url).host);
    return new Response("", { status: 503 });
  });
  await using home = await tempHome();
  const clock = new StillClock();
  const own = { ...settings, gateway: gateway.address };
  const named = peers.slice(0, 1).map(({ hotkey }) => ({ hotkey, url: at ?? "" }));
  await using relay = new Relay({
    ...{ home: home.path, settings: own, signer, chain, http: gateway.http, sr25519, log: silent, clock },
    ...(at === undefined ? {} : { peers: named }),
  });
  await relay.emitRanking({ block: 101, blockHash: chain.block(101).hash, roundId: 2, scores: scoresOf(1) });
  clock.time += 600_000;
  await relay.tick();
  return called.toSorted();
}

test("on a real chain, where anybody writes addresses, inner ones are not called (V-W7)", async () => {
  expect(await asked("0xgenesis")).toEqual(["8.8.8.8:8091"]);
});

test("where the operator says that a validator is, it is asked wherever that may be", async () => {
  expect(await asked("0xgenesis", "http://10.0.0.7:8092")).toEqual(["10.0.0.7:8092", "8.8.8.8:8091"]);
});

test("on a simulated chain this machine alone is called", async () => {
  expect(await asked("local:subnet")).toEqual(["127.0.0.1:6379"]);
});
