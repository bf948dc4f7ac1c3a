import { expect, test } from "vitest";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { cosignRoutes } from "../../../src/relay/cosign/routes.ts";
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

const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 2, deadlineMs: 5_000 } as const;
const URLS = ["http://127.0.0.1:8091", "http://127.0.0.1:8092"] as const;

/** Two validators that reach each other. */
async function twoValidators(homes: readonly [string, string]) {
  const clock = new StillClock();
  const signers = [newSigner(), newSigner()] as const;
  const chain = new SteppedChain(signers.map((signer, index) => validatorNeuron(index, signer, URLS[index] ?? null)));
  chain.grow(300);
  chain.finalize(60);
  const apps = new Map<string, (request: Request) => Response | Promise<Response>>();
  const gateway = new ScriptedGateway((request) => apps.get(new URL(request.url).origin)?.(request));
  const relays = signers.map((signer, index) => {
    const own = { ...settings, gateway: gateway.address };
    const shared = { chain, http: gateway.http, sr25519, log: silent, clock };
    const relay = new Relay({ home: homes[index] ?? "", settings: own, signer, ...shared });
    const context = relay.cosignContext(async () => ({ scores: scoresOf(1, 0.5) }));
    const app = cosignRoutes({ context, gate: new Auth2Gate({ identity: signer, sr25519, clock }), log: silent });
    apps.set(URLS[index] ?? "", (request) => app.fetch(request));
    return relay;
  });
  return { clock, chain, apps, gateway, relays };
}

test("two validators that each signed their own proposal skip the round at once, and agree on the next", async () => {
  await using first = await tempHome();
  await using second = await tempHome();
  const { clock, chain, apps, gateway, relays } = await twoValidators([first.path, second.path]);
  const reached = new Map(apps);
  // Cut off from each other, each takes its turn.
  for (const origin of URLS) apps.set(origin, () => new Response("", { status: 503 }));
  const emit = (block: number) =>
    Promise.all(
      relays.map((relay) =>
        relay.emitRanking({
          block,
          blockHash: chain.block(block).hash,
          roundId: block / 50,
          scores: scoresOf(1, 0.5),
        }),
      ),
    );
  await emit(50);
  clock.time += 60_000;
  for (const relay of relays) await relay.tick();
  const states = async () => (await Promise.all(relays.map((relay) => relay.list(null, 1)))).flat();
  expect(await states()).toMatchObject([{ state: "cosigning" }, { state: "cosigning" }]);
  for (const [origin, app] of reached) apps.set(origin, app);
  clock.time += 5_000;
  for (const relay of relays) await relay.tick();
  const skipped = { state: "skipped", lastError: "no_quorum", cosignatures: [] };
  expect(await states()).toMatchObject([skipped, skipped]);
  expect(gateway.posted).toEqual([]);

  chain.finalize(110);
  await emit(100);
  for (let minute = 0; minute < 2; minute += 1) {
    clock.time += 60_000;
    for (const relay of relays) await relay.tick();
  }
  const ends = (await states()).map(({ state, lastError }) => `${state} ${lastError}`).sort();
  expect(ends).toEqual(["delivered null", "skipped round_taken"]);
  for (const relay of relays) await relay[Symbol.asyncDispose]();
});

test("a validator that says no without signing it ends nothing: the round waits", async () => {
  await using first = await tempHome();
  await using second = await tempHome();
  const { clock, chain, apps, relays } = await twoValidators([first.path, second.path]);
  for (const origin of URLS) apps.set(origin, () => Response.json({ error: "round_taken" }, { status: 409 }));
  const [relay] = relays;
  await relay?.emitRanking({ block: 50, blockHash: chain.block(50).hash, roundId: 1, scores: scoresOf(1, 0.5) });
  clock.time += 60_000;
  await relay?.tick();
  expect(await relay?.list()).toMatchObject([{ state: "cosigning", lastError: "quorum" }]);
  for (const one of relays) await one[Symbol.asyncDispose]();
});
