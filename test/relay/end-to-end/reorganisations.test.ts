import type { Hono } from "hono";
import { expect, test } from "vitest";
import { defaultLocalChainSettings } from "../../../src/node/chain/local/local-chain-settings.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { cosignRoutes } from "../../../src/relay/cosign/routes.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { urlOf } from "../byzantine/round-chain.ts";
import { GatewayKit, get, post, type Signer } from "../gateway/gateway-kit.ts";
import { StillClock, scoresOf, silent, sr25519, tempHome } from "../relay-kit.ts";
import { random } from "../seeded-random.ts";

const DEEPEST = 10;
const SEEDS = Number(process.env["ENGRAM_REORG_SEEDS"] ?? 200);
const ROUND = 50;
const MINUTE = 60_000;
const NO_GATEWAY = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 3, deadlineMs: 5_000, gateway: null } as const;

/** A relay, two validators that sign along with whatever is final, and a gateway, all on one chain. */
class Scene implements AsyncDisposable {
  readonly clock: StillClock;
  readonly kit: GatewayKit;
  readonly gateway: RunningGateway;
  readonly relay: Relay;
  /** Blocks of submissions that left the relay, by the moment's chain: whether each was final. */
  readonly sent: boolean[] = [];
  readonly #peers = new Map<string, Hono>();
  readonly #stack = new ReleaseStack();

  private constructor(kit: GatewayKit, gateway: RunningGateway, home: string, clock: StillClock) {
    this.kit = kit;
    this.gateway = gateway;
    this.clock = clock;
    this.relay = this.#open(kit.validator(0), home, { url: gateway.url, hotkey: gateway.hotkey });
  }

  static async open(): Promise<Scene> {
    const kit = await GatewayKit.open({ ...defaultLocalChainSettings, blocks: "stepped", finalityLag: DEEPEST });
    const clock = new StillClock(Date.now());
    const gateway = await kit.start({ clock, config: { rateLimit: { burst: 1_000_000, perSecond: 1_000 } } });
    const homes = await Promise.all([tempHome(), tempHome(), tempHome()]);
    const scene = new Scene(kit, gateway, homes[0].path, clock);
    for (const release of [...homes, kit, gateway, scene.relay]) scene.#stack.use(release);
    for (const index of [1, 2] as const) await scene.#cosigner(kit.validator(index), homes[index].path);
    await kit.chain.step(ROUND);
    return scene;
  }

  #open(signer: Signer, home: string, gateway: { url: string; hotkey: Signer["hotkey"] } | null): Relay {
    const http = createHttpClient((request) => this.#send(request));
    const { clock } = this;
    const settings = { ...NO_GATEWAY, gateway };
    return new Relay({ home, settings, signer, chain: this.kit.chain, http, sr25519, log: silent, clock });
  }

  async #cosigner(signer: Signer, home: string): Promise<void> {
    const peer = this.#stack.use(this.#open(signer, home, null));
    const context = peer.cosignContext(async () => ({ scores: scoresOf(1, 0.5) }));
    const gate = new Auth2Gate({ identity: signer, sr25519, clock: this.clock });
    const url = urlOf(signer.hotkey);
    await this.kit.chain.serveAxon(signer.hotkey, url);
    this.#peers.set(url, cosignRoutes({ context, gate, log: silent }));
  }

  async #send(request: Request): Promise<Response> {
    const peer = this.#peers.get(new URL(request.url).origin);
    const text = await request.clone().text();
    const payload = readPayload(peer ? text.slice('{"payload":'.length, -1) : text);
    this.sent.push(await this.isFinal(payload.block, payload.blockHash));
    return peer ? await peer.fetch(request) : await fetch(request);
  }

  async isFinal(block: number, hash: string | null): Promise<boolean> {
    const { chain } = this.kit;
    const [finalized, head] = [await chain.finalized(), await chain.head()];
    return block <= finalized.number && head.number >= block + 3 && (await chain.blockHash(block)) === hash;
  }

  /** Brings everything that is due on, some time later. */
  async tick(ms: number): Promise<void> {
    this.clock.time += ms;
    expect(await this.relay.tick()).toBe(true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

test("over reorganisations of depth 1 to 10 nothing of an orphaned or unfinalized block is sent or accepted", async () => {
  await using scene = await Scene.open();
  const { kit, relay, gateway } = scene;
  const { chain } = kit;
  const seen = { delivered: 0, orphaned: 0, early: 0, depths: new Set<number>() };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const below = random(seed);
    const head = (await chain.head()).number;
    await chain.step(ROUND - (head % ROUND) + DEEPEST + below(5));
    const block = (await chain.head()).number - below(DEEPEST + 1);
    const blockHash = (await chain.blockHash(block)) ?? "";
    await relay.emitRanking({ block, blockHash, roundId: Math.floor(block / ROUND), scores: scoresOf(1, 0.5) });
    const impatient = await kit.inference({ block, blockHash, now: scene.clock.time }, `seed ${seed}`);
    for (let moves = 1 + below(2); moves > 0; moves -= 1) {
      await chain.step(1 + below(4));
      const depth = 1 + below(DEEPEST);
      await chain.reorg({ depth, seed, include: "all" });
      seen.depths.add(depth);
      await scene.tick(5_000);
      // Whoever sends without waiting gets no further.
      const early = await post(gateway, impatient.text);
      const isFinal = await scene.isFinal(block, blockHash);
      expect([200, 201].includes(early.status)).toBe(isFinal);
      if (!isFinal) seen.early += 1;
    }
    await chain.step(ROUND / 2);
    await scene.tick(3 * MINUTE);
    const [submission] = await relay.list(null, 1);
    const stands = (await chain.blockHash(block)) === blockHash;
    expect(submission).toMatchObject({ block, blockHash, state: stands ? "delivered" : "orphaned" });
    if (stands) seen.delivered += 1;
    else {
      seen.orphaned += 1;
      expect(submission).toMatchObject({ signedHash: null, body: null, cosignatures: [], firstSubmitAt: null });
      expect((await post(gateway, impatient.text)).body.error).toBe("chain_mismatch");
    }
  }
  expect(scene.sent.filter((isFinal) => !isFinal)).toEqual([]);
  expect(scene.sent.length).toBeGreaterThan(seen.delivered);
  // Every case came up often enough for the checks to mean something.
  expect(seen.depths.size).toBe(DEEPEST);
  expect(seen.delivered + seen.orphaned).toBe(SEEDS);
  expect(Math.min(seen.delivered, seen.orphaned, seen.early)).toBeGreaterThan(SEEDS / 10);
  const { total_ok, states } = await relay.status();
  expect({ total_ok, orphaned: states.orphaned }).toEqual({ total_ok: seen.delivered, orphaned: seen.orphaned });
  const feed = await get<{ readonly external_intelligence: readonly object[] }>(
    gateway,
    "/v1/external-intelligence?limit=1",
  );
  expect(feed.external_intelligence).toHaveLength(1);
}, 120_000);
