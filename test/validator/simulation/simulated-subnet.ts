import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeHotkey } from "../../../src/crypto/ss58.ts";
import type { Neuron } from "../../../src/node/ports.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import type { HttpClient, HttpReply } from "../../../src/node/runtime/http-client.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { ConsensusDesk } from "../../../src/node/validator/consensus/consensus-desk.ts";
import { ConsensusExchange } from "../../../src/node/validator/consensus/consensus-exchange.ts";
import { consensusRoutes } from "../../../src/node/validator/consensus/routes.ts";
import { GroundTruthSet } from "../../../src/node/validator/ground-truth/ground-truth-set.ts";
import { type RoundOutcome, RoundRunner } from "../../../src/node/validator/round-runner.ts";
import { createValidatorApp } from "../../../src/node/validator/validator-app.ts";
import { readValidatorConfig } from "../../../src/node/validator/validator-config.ts";
import type { ValidatorServices } from "../../../src/node/validator/validator-context.ts";
import { ValidatorMetrics } from "../../../src/node/validator/validator-metrics.ts";
import { sr25519, TestKey } from "../../miner/miner-under-test.ts";
import { quiet } from "../../support/client-bench.ts";
import { ScriptedMiner, ScriptedNetwork } from "../../support/scripted-miner.ts";
import { TestClock } from "../../support/test-clock.ts";
import { validatorStoreHere } from "../../support/validator-store-here.ts";
import { SteppedChain } from "./stepped-chain.ts";

/** The miners by their habits; a miner's uid is its place. */
const MINERS = ["honest", "slow", "liar", "forgetful", "dead"] as const;
type MinerName = (typeof MINERS)[number];
const VALIDATORS = ["alice", "bob", "mallory"] as const;
const DIM = 16;
const ROUND_BLOCKS = 50;
const ROUND_MS = 600_000;

/**
 * Five miners and three validators in this process: the validators' own code over a network whose time is scripted. To
 * Mallory, the third, the honest miner looks dead and the dead one honest: what she measures so she sends and sets.
 */
export class SimulatedSubnet implements AsyncDisposable {
  readonly chain = new SteppedChain();
  readonly clock = new TestClock();
  readonly network = new ScriptedNetwork();
  readonly #validators: { readonly runner: RoundRunner; readonly metrics: ValidatorMetrics }[] = [];
  readonly #stack = new ReleaseStack();

  static async start(seed: number): Promise<SimulatedSubnet> {
    const subnet = new SimulatedSubnet();
    const folder = await mkdtemp(join(tmpdir(), "engram-simulation-"));
    subnet.#stack.defer(() => rm(folder, { recursive: true, force: true }));
    const random = randomOf(seed);
    const keys = [...MINERS, ...VALIDATORS].map((_, place) => new TestKey(seedOf(seed, place)));
    subnet.chain.neurons = keys.map(({ hotkey }, uid) => neuronOf(uid, hotkey));
    for (const [uid, name] of MINERS.entries()) {
      const { hotkey } = keys[uid] as TestKey;
      subnet.network.nodes.set(originOf(uid), new ScriptedMiner(hotkey, habitsOf(name, random)).answer);
    }
    for (const [place, name] of VALIDATORS.entries()) {
      const uid = MINERS.length + place;
      const http = name === "mallory" ? new SwappedNetwork(subnet.network) : subnet.network;
      await subnet.#addValidator(join(folder, `${name}.db`), uid, keys[uid] as TestKey, http);
    }
    return subnet;
  }

  async #addValidator(path: string, uid: number, key: TestKey, http: HttpClient): Promise<void> {
    const variables = { ENGRAM_CHAIN: "local", EMBEDDING_DIM: String(DIM), CONSENSUS_MIN_VALIDATORS: "1" };
    const { options } = readValidatorConfig(variables);
    const publicKey = decodeHotkey(key.hotkey) ?? new Uint8Array();
    const identity = { hotkey: key.hotkey, publicKey, sign: (message: Uint8Array) => key.sign(message) };
    const metrics = new ValidatorMetrics();
    const services: ValidatorServices = {
      ...{ options: { ...options, agreementWaitMs: 30_000 }, chain: this.chain, clock: this.clock, logger: quiet },
      ...{ store: this.#stack.use(await validatorStoreHere(path)), identity, sr25519, http },
      ...{ groundTruth: new GroundTruthSet([], DIM), signal: new AbortController().signal },
      replication: { noteChallenges: async () => undefined },
      metrics,
    };
    const desk = new ConsensusDesk(services);
    const gate = new Auth2Gate({ identity, sr25519, clock: this.clock });
    const app = createValidatorApp({ services, routes: [consensusRoutes({ desk, gate })] });
    this.network.nodes.set(originOf(uid), async ({ method, path: pathname, bodyText, headers }) => {
      const init = { method, headers, ...(bodyText === null ? {} : { body: bodyText }) };
      const response = await app.fetch(new Request(`${originOf(uid)}${pathname}`, init));
      return { status: response.status, text: await response.text(), headers: response.headers, elapsedMs: 5 };
    });
    const runner = new RoundRunner(services, new ConsensusExchange(services, desk), undefined);
    this.#validators.push({ runner, metrics });
  }

  /** One round of all validators, to its end; what came of it at each. */
  async round(): Promise<readonly RoundOutcome[]> {
    this.chain.step(ROUND_BLOCKS);
    this.clock.time += ROUND_MS;
    return await Promise.all(this.#validators.map(({ runner }) => runner.run()));
  }

  /** The weights that a validator has set for the miners by name; null before its first. */
  weightsOf(name: (typeof VALIDATORS)[number]): Readonly<Record<MinerName, number>> | null {
    const row = this.chain.rows.get(MINERS.length + VALIDATORS.indexOf(name));
    if (!row) return null;
    return Object.fromEntries(MINERS.map((miner, uid) => [miner, row.get(uid) ?? 0])) as Record<MinerName, number>;
  }

  /** A sample of a validator's metrics, as in `name{label="value"}`; 0 where there is none. */
  async metricOf(name: (typeof VALIDATORS)[number], sample: string): Promise<number> {
    const text = await this.#validators[VALIDATORS.indexOf(name)]?.metrics.text();
    const line = text?.split("\n").find((one) => one.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1) ?? 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}

/** To whoever calls over it, the honest miner and the dead one have changed places. */
class SwappedNetwork implements HttpClient {
  readonly #network: ScriptedNetwork;

  constructor(network: ScriptedNetwork) {
    this.#network = network;
  }

  get(url: string, options: Parameters<HttpClient["get"]>[1]): Promise<HttpReply> {
    return this.#network.get(swapped(url), options);
  }

  postJson(url: string, bodyText: string, options: Parameters<HttpClient["postJson"]>[2]): Promise<HttpReply> {
    return this.#network.postJson(swapped(url), bodyText, options);
  }

  delete(url: string, bodyText: string | null, options: Parameters<HttpClient["delete"]>[2]): Promise<HttpReply> {
    return this.#network.delete(swapped(url), bodyText, options);
  }
}

function swapped(url: string): string {
  const { origin, pathname } = new URL(url);
  const pair = [originOf(MINERS.indexOf("honest")), originOf(MINERS.indexOf("dead"))];
  const other = pair.includes(origin) ? pair.find((one) => one !== origin) : origin;
  return `${other}${pathname}`;
}

function habitsOf(name: MinerName, random: () => number): ConstructorParameters<typeof ScriptedMiner>[1] {
  const about = (ms: number) => () => ms * (0.8 + 0.4 * random());
  const salt = Math.floor(random() * 16);
  switch (name) {
    case "slow":
      return { latencyMs: about(300) };
    case "liar":
      return { latencyMs: about(300), claimedMs: 1 };
    case "forgetful":
      return { latencyMs: about(60), keeps: (cid) => (Number.parseInt(cid.slice(-1), 16) + salt) % 2 === 0 };
    case "dead":
      return { latencyMs: () => null };
    default:
      return { latencyMs: about(60) };
  }
}

function neuronOf(uid: number, hotkey: TestKey["hotkey"]): Neuron {
  const isValidator = uid >= MINERS.length;
  const shared = { uid, hotkey, coldkey: hotkey, endpoint: originOf(uid), incentive: 0 };
  return { ...shared, stakeTao: isValidator ? 1_000 : 0, validatorPermit: isValidator };
}

function originOf(uid: number): string {
  return `http://127.0.0.1:${20_000 + uid}`;
}

function seedOf(seed: number, place: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, seed);
  bytes[31] = place + 1;
  return bytes;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
