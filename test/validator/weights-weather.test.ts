import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isEngramError } from "../../src/crypto/errors.ts";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { toWeightRow } from "../../src/node/chain/local/weight-row.ts";
import { isSameRow } from "../../src/node/chain/read-back.ts";
import type { BlockRef, ChainClient, WeightRow } from "../../src/node/ports.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { openValidatorStore, type ValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import { ValidatorMetrics } from "../../src/node/validator/validator-metrics.ts";
import { WeightsDuty } from "../../src/node/validator/weights/weights-duty.ts";
import { someHotkey } from "../compliance/chain-client.ts";
import { quiet } from "../support/client-bench.ts";
import { numbers } from "../support/numbers.ts";
import { NETUID } from "../support/subtensor-calls.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { clearFaults, spoil, WEATHER, type Weather } from "../support/subtensor-weather.ts";

const SEEDS = Number(process.env["ENGRAM_SEEDS"] ?? 100);

type Neurons = readonly { readonly uid: number; readonly hotkey: Hotkey }[];

/** A validator's duty whose rounds are handed to it, each with a row of its own, so that it is known whose weights are where. */
class Scene implements AsyncDisposable {
  readonly rounds: { readonly roundId: number; readonly block: BlockRef; readonly row: WeightRow }[] = [];
  readonly failures = new Map<string, number>();
  readonly store: ValidatorStore;
  readonly #folder: string;
  readonly #hotkey: Hotkey;
  readonly #neurons: Neurons;
  readonly #duty: WeightsDuty;

  private constructor(folder: string, chain: ChainClient, hotkey: Hotkey, neurons: Neurons) {
    [this.#folder, this.#hotkey, this.#neurons] = [folder, hotkey, neurons];
    this.store = openValidatorStore(join(folder, "validator.db"));
    const deps = {
      chain,
      hotkey,
      store: this.store,
      clock: systemClock,
      logger: quiet,
      metrics: new ValidatorMetrics(),
    };
    this.#duty = new WeightsDuty(deps);
  }

  static async open(chain: ChainClient, hotkey: Hotkey, neurons: Neurons): Promise<Scene> {
    return new Scene(await mkdtemp(join(tmpdir(), "engram-duty-")), chain, hotkey, neurons);
  }

  /** A round that somebody measured at a block which may not last. */
  async measured(block: BlockRef): Promise<void> {
    const roundId = this.rounds.length;
    const [one, other] = this.#neurons.filter(({ hotkey }) => hotkey !== this.#hotkey);
    const weights = new Map([
      [one?.uid ?? -1, 1],
      [other?.uid ?? -1, (roundId + 1) / 65_535],
    ]);
    const hotkeys = new Map(this.#neurons.map(({ uid, hotkey }) => [uid, hotkey]));
    const ownVector = {
      validatorHotkey: this.#hotkey,
      block: block.number,
      scores: new Map(),
      timestampMs: 0,
      signature: "",
    };
    const round = {
      roundId,
      block: block.number,
      blockHash: block.hash,
      measured: new Map(),
      challenges: null,
      ownVector,
    };
    await this.store.call("measured", {
      ...{ round: { ...round, salt: "", ownCommit: "", hotkeys }, miners: [], slashes: [], keepFrom: roundId - 50 },
    });
    await this.store.call("settled", { roundId, verdict: "quorum", agreed: new Map(), weights, miners: [] });
    this.rounds.push({ roundId, block, row: new Map(toWeightRow([...weights])) });
  }

  /** Once, as at a block; whatever fails, fails as the chain's own error. */
  async work(): Promise<void> {
    try {
      await this.#duty.run(this.#neurons);
    } catch (error) {
      expect(error).toSatisfy(isEngramError);
      expect(error).toMatchObject({ code: expect.stringMatching(/^CHAIN_/) });
      const { code } = error as { readonly code: string };
      this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
    }
  }

  /** The round whose row this is. */
  ofRow(row: WeightRow) {
    return this.rounds.find((round) => isSameRow(round.row, row));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** What must hold after every step, by the chain itself and not by what any endpoint says. */
async function check(scene: Scene, truth: Truth, seen: Set<number>): Promise<void> {
  const row = truth.finalizedRow();
  if (row && row.size > 0) {
    const round = scene.ofRow(row);
    expect(round, "a row that no round has").toBeDefined();
    expect(truth.hashAt(round?.block.number ?? -1)).toBe(round?.block.hash);
  }
  for (const { id, state, submission } of await scene.store.call("submissions", { limit: 3 })) {
    if (state !== "counts" || seen.has(id)) continue;
    seen.add(id);
    expect(truth.wasFinal(submission.row), "counted, and in no finalized block").toBe(true);
  }
}

/** The chain as it is. */
interface Truth {
  hashAt(block: number): string | undefined;
  finalizedRow(): WeightRow | undefined;
  /** Whether a finalized block ever had the row. */
  wasFinal(row: WeightRow): boolean;
}

/** ENGRAM_SEEDS=1000 for the whole count. */
test(`over ${SEEDS} seeds of a Subtensor chain's weather no weights are of an orphaned block, and none count that do not`, async () => {
  await using kit = await SubtensorKit.start({ nodes: 3, inclusion: "next", historyBlocks: 100_000 });
  const [validator, one, other] = [kit.neuron(100), kit.neuron(), kit.neuron()];
  const { ledger } = kit;
  let later = 0;
  const clock = { ...systemClock, now: () => Date.now() + later };
  const client = kit.connect({ deadlineMs: 150, writeMs: 2_000, clock });
  await using scene = await Scene.open(client, validator.hotkey, [validator, one, other]);
  const rowAt = (number: number): WeightRow =>
    new Map(
      ledger.get<[number, number][]>("subtensorModule.weights", [NETUID, validator.uid], ledger.blocks[number]) ?? [],
    );
  const truth: Truth = {
    hashAt: (block) => ledger.blocks[block]?.hash,
    finalizedRow: () => rowAt(ledger.finalized.number),
    wasFinal: (row) =>
      Array.from({ length: ledger.finalized.number + 1 }, (_, at) => rowAt(at)).some((at) => isSameRow(at, row)),
  };
  const happened = new Map<Weather | "stall" | "reorg" | "orphaned", number>();
  const count = (what: Weather | "stall" | "reorg" | "orphaned") => happened.set(what, (happened.get(what) ?? 0) + 1);
  const seen = new Set<number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = numbers(seed);
    later += 700_000;
    const head = ledger.head;
    await scene.measured({ number: head.number, hash: head.hash });
    if (ledger.stalledAt === undefined && random() < 0.2) {
      ledger.stalledAt = ledger.finalized.number;
    } else if (random() < 0.5) ledger.stalledAt = undefined;
    if (ledger.stalledAt !== undefined) count("stall");
    for (let moves = 0; moves < 2; moves++) {
      const weather = spoil(kit.nodes, random);
      count(weather);
      ledger.produce(Math.floor(random() * 3));
      if (random() < 0.5) {
        ledger.reorg(1 + Math.floor(random() * 3));
        count("reorg");
      }
      await scene.work();
      await check(scene, truth, seen);
    }
    if (truth.hashAt(head.number) !== head.hash) count("orphaned");
  }
  // When the sky clears the newest round that stands is on the chain, read back.
  for (const { faults } of kit.nodes) clearFaults(faults);
  ledger.stalledAt = undefined;
  later += 700_000;
  await scene.measured({ number: ledger.finalized.number, hash: ledger.finalized.hash });
  for (let blocks = 0; blocks < 20; blocks++) {
    ledger.produce(1);
    await scene.work();
    await check(scene, truth, seen);
  }
  expect(scene.ofRow(truth.finalizedRow() ?? new Map())?.roundId).toBe(scene.rounds.length - 1);
  expect((await scene.store.call("submissions", { limit: 1 }))[0]).toMatchObject({ state: "counts" });
  expect(seen.size).toBeGreaterThan(SEEDS / 20);
  // Every kind of weather came, and often enough to mean something.
  for (const weather of WEATHER)
    expect([weather, happened.get(weather) ?? 0]).toEqual([weather, expect.toSatisfy((n: number) => n > 0)]);
  for (const what of ["stall", "reorg", "orphaned"] as const)
    expect(happened.get(what) ?? 0).toBeGreaterThan(SEEDS / 20);
  expect([...scene.failures.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
}, 600_000);

test(`over ${SEEDS} seeds of reorganisations of a local chain weights are of blocks that stand alone`, async () => {
  const DEEPEST = 10;
  const folder = await mkdtemp(join(tmpdir(), "engram-duty-chain-"));
  const settings = {
    blocks: "stepped",
    blockMs: 12_000,
    finalityLag: DEEPEST,
    historyBlocks: 4_096,
    weightsInterval: 5,
  } as const;
  await using chain = new LocalChain({ path: join(folder, "chain.db"), settings });
  const hotkeys = [someHotkey(), someHotkey(), someHotkey()];
  const neurons = await Promise.all(
    hotkeys.map(async (hotkey) => ({ hotkey, uid: await chain.register(hotkey, hotkey) })),
  );
  const [validator] = neurons;
  if (!validator) throw new Error("no validator");
  await chain.stake(validator.hotkey, 100);
  await chain.step(2 * DEEPEST);
  await using scene = await Scene.open(chain, validator.hotkey, neurons);
  const everFinal: WeightRow[] = [];
  let hashes = new Map<number, string>();
  let finalizedRow: WeightRow | undefined;
  const look = async () => {
    finalizedRow = (await chain.weights()).get(validator.uid);
    if (finalizedRow && !everFinal.some((row) => isSameRow(row, finalizedRow ?? new Map())))
      everFinal.push(finalizedRow);
    const { number } = await chain.head();
    hashes = new Map(
      await Promise.all(
        scene.rounds
          .slice(-15)
          .map(
            async ({ block }) =>
              [block.number, block.number > number ? "" : ((await chain.blockHash(block.number)) ?? "")] as const,
          ),
      ),
    );
  };
  const truth: Truth = {
    hashAt: (block) => hashes.get(block),
    finalizedRow: () => finalizedRow,
    wasFinal: (row) => everFinal.some((one) => isSameRow(one, row)),
  };
  const seen = new Set<number>();
  const depths = new Set<number>();
  let [orphaned, dropped] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = numbers(seed);
    await chain.step(1 + Math.floor(random() * 4));
    const head = await chain.head();
    const number = head.number - Math.floor(random() * (DEEPEST + 2));
    await scene.measured({ number, hash: (await chain.blockHash(number)) ?? "" });
    for (let moves = 0; moves < 2; moves++) {
      await chain.step(1 + Math.floor(random() * 9));
      const depth = 1 + ((seed + moves) % DEEPEST);
      if (random() < 0.7) {
        depths.add(depth);
        dropped += (await chain.reorg({ depth, seed })).dropped;
      }
      await scene.work();
      await look();
      await check(scene, truth, seen);
    }
    if (truth.hashAt(number) !== scene.rounds.at(-1)?.block.hash) orphaned++;
  }
  await scene.measured(await chain.finalized());
  for (let blocks = 0; blocks < 3 * DEEPEST; blocks++) {
    await chain.step();
    await scene.work();
    await look();
    await check(scene, truth, seen);
  }
  expect(scene.ofRow(truth.finalizedRow() ?? new Map())?.roundId).toBe(scene.rounds.length - 1);
  expect(depths.size).toBe(DEEPEST);
  expect(Math.min(orphaned, dropped, seen.size)).toBeGreaterThan(SEEDS / 20);
  await rm(folder, { recursive: true, force: true });
}, 600_000);
