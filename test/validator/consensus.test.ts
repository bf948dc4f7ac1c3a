import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { signScoreVector } from "../../src/crypto/consensus-message.ts";
import { openingHash, type ScoreOpening, signScoreCommit } from "../../src/crypto/score-opening.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { openWallet, type Wallet } from "../../src/node/chain/wallet.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import {
  COMMIT_PATH,
  commitText,
  openingText,
  readAnswer,
  readCommit,
  readOpening,
  VECTOR_PATH,
} from "../../src/node/validator/consensus/round-messages.ts";
import type { RunningValidator } from "../../src/node/validator/start-validator.ts";
import { openValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import type { ValidatorContext } from "../../src/node/validator/validator-context.ts";
import type { ValidatorMetrics } from "../../src/node/validator/validator-metrics.ts";
import { Subnet } from "./subnet.ts";

const sr25519 = await loadSr25519();
let subnet: Subnet;
let validator: RunningValidator;
let peer: Peer;

/** A validator that the test speaks for. */
class Peer {
  readonly wallet: Wallet;
  readonly #chain: string;
  readonly #caller: Auth2Caller;

  private constructor(wallet: Wallet, chain: string) {
    [this.wallet, this.#chain] = [wallet, chain];
    this.#caller = new Auth2Caller({ signer: wallet, sr25519, clock: systemClock });
  }

  static async join(name: string, { tao = 10, coldkey = "" } = {}): Promise<Peer> {
    const wallet = await openWallet(`${subnet.folder}/${name}`);
    await subnet.chain.register(wallet.hotkey, (coldkey || wallet.hotkey) as Wallet["hotkey"]);
    if (tao > 0) await subnet.chain.stake(wallet.hotkey, tao);
    return new Peer(wallet, await subnet.chain.identity());
  }

  opening({ scores = new Map([[0, 0.5]]), block = 2, ...changed }: OpeningChanges = {}): ScoreOpening {
    const keys = [...scores.keys()];
    return {
      ...{ chain: this.#chain, netuid: 450, roundId: 0, salt: "ab".repeat(32) },
      vector: signScoreVector({ block, scores, timestampMs: changed.timestampMs ?? systemClock.now() }, this.wallet),
      latencies: new Map(keys.map((uid) => [uid, changed.latencyMs ?? 20])),
      proofRates: new Map(keys.map((uid) => [uid, changed.proofRate ?? 1])),
      challenges: new Map(keys.map((uid) => [uid, 3])),
      ...changed.name,
    };
  }

  commit(opening: ScoreOpening) {
    return signScoreCommit({ ...opening, hash: openingHash(opening) }, this.wallet);
  }

  async post(path: string, text: string, to: RunningValidator = validator) {
    const limits = { deadlineMs: 5_000, maxBytes: 1_048_576 };
    const { status, text: answer } = await this.#caller.post(createHttpClient(), to, path, text, limits);
    return { status, inReturn: status === 200 ? readAnswer(answer) : null };
  }

  async sendCommit(opening: ScoreOpening, to?: RunningValidator) {
    return await this.post(COMMIT_PATH, commitText(this.commit(opening)), to);
  }

  async sendOpening(opening: ScoreOpening, to?: RunningValidator) {
    return await this.post(VECTOR_PATH, openingText(opening), to);
  }
}

interface OpeningChanges {
  readonly scores?: ReadonlyMap<number, number>;
  readonly block?: number;
  readonly timestampMs?: number;
  readonly latencyMs?: number;
  readonly proofRate?: number;
  readonly name?: Partial<Pick<ScoreOpening, "chain" | "netuid" | "roundId">>;
}

beforeEach(async () => {
  subnet = await Subnet.start();
  peer = await Peer.join("peer");
  await subnet.chain.step(3);
});
afterEach(() => subnet[Symbol.asyncDispose]());

/** A validator without miners, which measures nothing: it hears what is said. */
async function listening(environment: Record<string, string> = {}) {
  validator = await subnet.validator("validator", environment);
}

/** A validator that has measured a miner and waits for others. */
async function measuring(
  environment: Record<string, string> = {},
  onContext: (context: ValidatorContext) => void = () => undefined,
) {
  const miner = await subnet.miner("miner");
  await subnet.chain.step();
  const variables = { CONSENSUS_MIN_VALIDATORS: "1", ...environment };
  validator = await subnet.validator("validator", variables, { agreementWaitMs: 300, onContext });
  expect(await validator.runRound()).toBe("no_quorum");
  const uid = (await subnet.chain.uidOf(miner.hotkey)) ?? -1;
  return new Map([[uid, 1]]);
}

async function heard() {
  await validator[Symbol.asyncDispose]();
  await using store = openValidatorStore(`${subnet.folder}/validator/validator.db`);
  return {
    ...(await store.call("heard", { roundId: 0 })),
    round: await store.call("round", { roundId: 0 }),
    evidence: await store.call("equivocations", { limit: 10 }),
  };
}

test("scores are taken after their commit alone, again too, and never replaced", async () => {
  await listening();
  const first = peer.opening();
  expect((await peer.sendOpening(first)).status).toBe(409);
  expect((await peer.sendCommit(first)).status).toBe(200);
  expect((await peer.sendCommit(first)).status).toBe(200);
  const better = { ...first, proofRates: new Map([[0, 0.9]]) };
  expect((await peer.sendOpening(better)).status).toBe(409);
  expect((await peer.sendOpening({ ...first, salt: "cd".repeat(32) })).status).toBe(409);
  expect((await peer.sendOpening(first)).status).toBe(200);
  expect((await peer.sendOpening(first)).status).toBe(200);
  const { openings } = await heard();
  expect(openings.map(({ text }) => readOpening(text).opening)).toEqual([first]);
});

test("two commits of one round are kept as evidence, and their validator has no voice in it", async () => {
  let metrics: ValidatorMetrics | undefined;
  const scores = await measuring({}, (context) => {
    metrics = context.metrics;
  });
  const [one, other] = [peer.opening({ scores, block: 4 }), peer.opening({ scores, block: 4, proofRate: 0.5 })];
  expect((await peer.sendCommit(one)).status).toBe(200);
  expect((await peer.sendCommit(other)).status).toBe(409);
  expect((await peer.sendCommit(other)).status).toBe(409);
  // However often it says so: it is reported once.
  expect(await metrics?.text()).toContain("engram_validator_equivocations_total 1\n");
  await peer.sendOpening(one);
  expect(await validator.runRound()).toBe("no_quorum");
  const { equivocated, evidence } = await heard();
  expect(equivocated).toEqual([peer.wallet.hotkey]);
  expect(evidence).toHaveLength(1);
  expect([evidence[0]?.first, evidence[0]?.second].map((text) => readCommit(text ?? "").hash)).toEqual(
    [one, other].map(openingHash),
  );
});

test("whoever says one thing here and another elsewhere is found out by what others were given", async () => {
  const scores = await measuring();
  const [witness, liar] = [await Peer.join("witness"), await Peer.join("liar")];
  await subnet.chain.step();
  const [here, there] = [liar.opening({ scores, block: 4 }), liar.opening({ scores, block: 4, latencyMs: 1 })];
  await liar.sendCommit(here);
  const own = witness.opening({ scores, block: 4 });
  await witness.sendCommit(own);
  const forged = { ...liar.commit(there), hash: "00".repeat(32) };
  const lie = { ...witness.commit(there), validatorHotkey: liar.wallet.hotkey };
  for (const seen of [[forged], [lie], [{ ...liar.commit(there), netuid: 1 }], [liar.commit(here)]]) {
    expect((await witness.post(VECTOR_PATH, openingText(own, seen))).status).toBe(200);
  }
  await witness.post(VECTOR_PATH, openingText(own, [liar.commit(there)]));
  const { equivocated, evidence } = await heard();
  expect(equivocated).toEqual([liar.wallet.hotkey]);
  expect(evidence).toMatchObject([{ validator: liar.wallet.hotkey, roundId: 0 }]);
});

test("those without a voice cost the chain no more than some looks together, and hold up nobody who has one", async () => {
  let looks = 0;
  const chain = new Proxy(subnet.chain, {
    get: (target, key) => {
      if (key === "metagraph") looks += 1;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const strangers = [await Peer.join("s0", { tao: 0 }), await Peer.join("s1", { tao: 0 })];
  await subnet.chain.step();
  validator = await subnet.validator("validator", {}, { chain });
  await validator.runRound();
  looks = 0;
  for (let sent = 0; sent < 20; sent++) {
    for (const stranger of strangers) expect((await stranger.sendCommit(stranger.opening())).status).toBe(403);
  }
  expect(looks).toBe(32);
  expect((await peer.sendCommit(peer.opening())).status).toBe(200);
});

test("own scores are told to nobody whose commit is not here, and to nobody before enough have committed", async () => {
  const scores = await measuring({ CONSENSUS_MIN_VALIDATORS: "2" });
  const second = await Peer.join("second");
  await subnet.chain.step();
  const one = peer.opening({ scores, block: 4 });
  const { inReturn: ownCommit } = await peer.sendCommit(one);
  // One of two: the commit is told, the scores are not.
  expect(await validator.runRound()).toBe("no_quorum");
  expect((await peer.sendOpening(one)).inReturn).toBeNull();
  const two = second.opening({ scores, block: 4 });
  expect((await second.sendOpening(two)).status).toBe(409);
  await second.sendCommit(two);
  // A turn of the validator may end before it has seen the second voice: the next one goes on.
  const { inReturn } = await vi.waitFor(
    async () => {
      await validator.runRound();
      const told = await second.sendOpening(two);
      expect(told.inReturn).not.toBeNull();
      return told;
    },
    { timeout: 30_000 },
  );
  const { opening } = readOpening(inReturn ?? "");
  expect(openingHash(opening)).toBe(readCommit(ownCommit ?? "").hash);
  expect(opening.vector.validatorHotkey).toBe(validator.hotkey);
  expect(await validator.runRound()).toBe("done");
  // Who comes now may know them: it is answered, and has no voice.
  const late = await Peer.join("late");
  await subnet.chain.step();
  await late.sendCommit(late.opening({ scores, block: 4 }));
  const { commits, round } = await heard();
  expect(round).toMatchObject({ stage: "done", verdict: "quorum" });
  expect(new Map(commits.map((commit) => [commit.validator, commit.late]))).toEqual(
    new Map([
      [peer.wallet.hotkey, false],
      [second.wallet.hotkey, false],
      [late.wallet.hotkey, true],
    ]),
  );
});

test("two keys of one owner are one voice, and those of one's own owner are none", async () => {
  const scores = await measuring({ CONSENSUS_MIN_VALIDATORS: "2" });
  const [twin, child] = [
    await Peer.join("twin", { coldkey: peer.wallet.hotkey }),
    await Peer.join("child", { coldkey: validator.hotkey }),
  ];
  await subnet.chain.step();
  const all = [peer, twin, child].map((one) => [one, one.opening({ scores, block: 4 })] as const);
  for (const [one, opening] of all) await one.sendCommit(opening);
  await validator.runRound();
  for (const [one, opening] of all) await one.sendOpening(opening);
  expect(await validator.runRound()).toBe("no_quorum");
  const other = await Peer.join("other");
  await subnet.chain.step();
  const opening = other.opening({ scores, block: 4 });
  await other.sendCommit(opening);
  await validator.runRound();
  for (const [one, said] of [...all, [other, opening] as const]) await one.sendOpening(said);
  expect(await validator.runRound()).toBe("done");
  expect((await heard()).round).toMatchObject({ verdict: "quorum" });
});

test("where others disagree, weights wait one tempo, then own ones are set and said, and nothing is relayed", async () => {
  let metrics: ValidatorMetrics | undefined;
  const scores = await measuring({}, (context) => {
    metrics = context.metrics;
  });
  const other = peer.opening({ scores: new Map([...scores.keys()].map((uid) => [uid, 0])), block: 4 });
  await peer.sendCommit(other);
  await validator.runRound();
  await peer.sendOpening(other);
  expect(await validator.runRound()).toBe("done");
  const rows = async () => (await subnet.chain.weights()).get((await subnet.chain.uidOf(validator.hotkey)) ?? -1);
  const own = async () => /^engram_validator_own_weights_total (\d+)$/m.exec((await metrics?.text()) ?? "")?.[1];
  // The chain's interval of 20 blocks is its tempo.
  await subnet.chain.step(19);
  await validator.runRound();
  expect([await rows(), await own()]).toEqual([undefined, "0"]);
  expect(await metrics?.text()).toContain("engram_validator_weights_held_back 1");
  await subnet.chain.step(1);
  await validator.runRound();
  expect([await rows(), await own()]).toEqual([new Map([...scores.keys()].map((uid) => [uid, 65_535])), "1"]);
  expect(subnet.emitted.get("validator")).toEqual([]);
  expect((await heard()).round).toMatchObject({ verdict: "refused" });
});

const malformed: readonly (readonly [what: string, status: number, made: (from: Peer) => ScoreOpening])[] = [
  ["scores above 1", 400, (from) => from.opening({ scores: new Map([[0, 50]]) })],
  ["scores below 0", 400, (from) => from.opening({ scores: new Map([[0, -0.1]]) })],
  ["a proof rate above 1", 400, (from) => from.opening({ proofRate: 2 })],
  ["a negative latency", 400, (from) => from.opening({ latencyMs: -1 })],
  ["an unknown uid", 400, (from) => from.opening({ scores: new Map([[77, 0.5]]) })],
  ["other uids in the parts", 400, (from) => ({ ...from.opening(), proofRates: new Map([[1, 1]]) })],
  ["block 0", 400, (from) => from.opening({ block: 0 })],
  ["a block of another round", 400, (from) => from.opening({ block: 60 })],
  ["a round far ahead", 400, (from) => from.opening({ name: { roundId: 20 } })],
  ["another subnet", 400, (from) => from.opening({ name: { netuid: 1 } })],
  ["another chain", 400, (from) => from.opening({ name: { chain: "local:another" } })],
  ["a time long past", 400, (from) => from.opening({ timestampMs: systemClock.now() - 700_000 })],
  ["a time far ahead", 400, (from) => from.opening({ timestampMs: systemClock.now() + 700_000 })],
  [
    "another signature",
    401,
    (from) => {
      const { signature } = from.opening({ block: 1 }).vector;
      return { ...from.opening(), vector: { ...from.opening().vector, signature } };
    },
  ],
];

test("what is out of range, of another round, chain or time, or wrongly signed is refused whole", async () => {
  await listening();
  for (const [what, status, made] of malformed) {
    const from = await Peer.join(what.replaceAll(" ", "-"));
    await subnet.chain.step();
    const opening = made(from);
    const committed = await from.sendCommit(opening);
    expect([what, committed.status, (await from.sendOpening(opening)).status]).toContain(status);
  }
  expect((await heard()).openings).toEqual([]);
});

test("another's words, words without a permit, with too little stake, and unsigned ones are nobody's", async () => {
  await listening({ CONSENSUS_MIN_STAKE_TAO: "5" });
  const [poor, nobody] = [await Peer.join("poor", { tao: 4 }), await Peer.join("nobody", { tao: 0 })];
  await subnet.chain.step();
  for (const stranger of [poor, nobody]) expect((await stranger.sendCommit(stranger.opening())).status).toBe(403);
  expect((await poor.post(COMMIT_PATH, commitText(peer.commit(peer.opening())))).status).toBe(403);
  const forged = { ...peer.commit(peer.opening()), hash: "00".repeat(32) };
  expect((await peer.post(COMMIT_PATH, commitText(forged))).status).toBe(401);
  for (const path of [COMMIT_PATH, VECTOR_PATH]) {
    expect((await fetch(`${validator.url}${path}`, { method: "POST", body: "{}" })).status).toBe(401);
  }
  expect((await peer.sendCommit(peer.opening())).status).toBe(200);
});
