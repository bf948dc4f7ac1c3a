import { randomBytes } from "node:crypto";
import { EngramError } from "../../../crypto/errors.ts";
import { firstRevealBlock, type RevealTime, revealRound } from "../../../crypto/reveal-round.ts";
import { decodeHotkey, type Hotkey } from "../../../crypto/ss58.ts";
import type { ChainSigner, WeightsSubmission } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import { isSameRow } from "../read-back.ts";
import { wholeNumber } from "./axon.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import type { CommitJournal, HashCommit } from "./commit-journal.ts";
import type { ExtrinsicSubmitter } from "./extrinsic-submitter.ts";
import { isRefusal } from "./refusals.ts";
import type { Runtime } from "./runtime.ts";
import { parse, readRow } from "./subnet-state.ts";
import { BLOCK_MS, planWeights, type WeightsPlan } from "./weights-plan.ts";

const SALT_WORDS = 8;

interface Deps {
  readonly netuid: number;
  readonly reader: ChainReader;
  readonly submitter: ExtrinsicSubmitter;
  readonly journal: CommitJournal;
  readonly clock: Clock;
}

/** Brings rows of weights to the chain by the way that the subnet and its runtime take at that moment. */
export class WeightsWriter {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Errors: those of `planWeights` and `ExtrinsicSubmitter`, `CHAIN_NO_EPOCH`. */
  async submit(signer: ChainSigner, weights: ReadonlyMap<number, number>): Promise<WeightsSubmission> {
    try {
      return await this.#submitOnce(signer, weights);
    } catch (error) {
      // The owner switched it between our reading and the block.
      if (!isRefusal(error, "CommitRevealEnabled", "CommitRevealDisabled", "IncorrectCommitRevealVersion")) throw error;
      return await this.#submitOnce(signer, weights);
    }
  }

  async #submitOnce(signer: ChainSigner, weights: ReadonlyMap<number, number>): Promise<WeightsSubmission> {
    const { reader, netuid, clock } = this.#deps;
    const { hotkey } = signer;
    const state = await reader.stateAtHead();
    const plan = await planWeights(reader, state, { netuid, hotkey, weights, now: clock.now() });
    const { commitReveal, commitRevealVersion } = plan.parameters;
    if (!commitReveal) return await this.#set(signer, plan);
    const canSeal = commitRevealVersion !== null && state.runtime.hasCall("subtensorModule", "commitTimelockedWeights");
    return canSeal ? await this.#seal(signer, state, plan) : await this.#commitHash(signer, state, plan);
  }

  async #set(signer: ChainSigner, plan: WeightsPlan): Promise<WeightsSubmission> {
    const { netuid, submitter } = this.#deps;
    const args = { netuid, dests: uidsOf(plan), weights: valuesOf(plan), versionKey: plan.parameters.weightsVersion };
    const block = await submitter.submit(signer, { pallet: "subtensorModule", name: "setWeights", args });
    return { path: "set", block, ...outcomeOf(plan), revealBlock: null, revealBlocks: 0 };
  }

  async #seal(signer: ChainSigner, state: StateAt, plan: WeightsPlan): Promise<WeightsSubmission> {
    const { netuid, submitter } = this.#deps;
    const { timelockSeal } = await import("../../../crypto/timelock.ts");
    const time = { ...revealTime(state.block.number, plan), blockMs: await this.#blockMs(state) };
    const [round, revealBlock] = [revealRound(time), firstRevealBlock(time)];
    if (round === null || revealBlock === null) throw noEpoch();
    const sealed = timelockSeal(timelockedPayload(state.runtime, signer.hotkey, plan), round);
    const args = {
      ...{ netuid, commit: `0x${Buffer.from(sealed).toString("hex")}`, revealRound: round },
      commitRevealVersion: plan.parameters.commitRevealVersion,
    };
    const block = await submitter.submit(signer, { pallet: "subtensorModule", name: "commitTimelockedWeights", args });
    return { path: "timelock", block, ...outcomeOf(plan), revealBlock, revealBlocks: plan.parameters.tempo + 1 };
  }

  /** Test chains make blocks faster than every 12 s, and their epochs come sooner. */
  async #blockMs(state: StateAt): Promise<number> {
    const slot = await this.#deps.reader.callApi(state, ["AuraApi", "slot_duration"]);
    return slot === undefined ? BLOCK_MS : Number(parse(wholeNumber, slot));
  }

  async #commitHash(signer: ChainSigner, state: StateAt, plan: WeightsPlan): Promise<WeightsSubmission> {
    const { netuid, submitter, journal } = this.#deps;
    const revealBlock = firstRevealBlock(revealTime(state.block.number, plan));
    if (revealBlock === null) throw noEpoch();
    const commit = hashCommit(state, netuid, signer.hotkey, plan);
    // First of all on disk: without its salt nobody can ever reveal it.
    await journal.add(commit);
    const args = { netuid, commitHash: commit.commitHash };
    const block = await submitter.submit(signer, { pallet: "subtensorModule", name: "commitWeights", args });
    return { path: "hash", block, ...outcomeOf(plan), revealBlock, revealBlocks: plan.parameters.tempo + 1 };
  }

  /** Whether a submitted row is what the finalized chain has: `lost` when its time is over and it has another. */
  async readBack(submission: WeightsSubmission): Promise<"waiting" | "counts" | "lost"> {
    const { reader, netuid } = this.#deps;
    const state = await reader.stateAt();
    const { block, revealBlock, revealBlocks, uid, row } = submission;
    const { number } = state.block;
    if (number < (revealBlock ?? block.number)) return "waiting";
    const found = await readRow(reader, state, netuid, uid);
    if (isSameRow(found, row)) return "counts";
    return number < (revealBlock ?? block.number) + revealBlocks ? "waiting" : "lost";
  }
}

function revealTime(head: number, { parameters, epochs, now }: WeightsPlan): RevealTime {
  return { head, now, revealPeriod: parameters.revealPeriod, epochs };
}

/** What is sealed. The chain drops it in silence when the hotkey is not the one that committed. */
function timelockedPayload(runtime: Runtime, hotkey: Hotkey, plan: WeightsPlan): Uint8Array {
  const { registry } = runtime.api;
  const fields = { hotkey: "Bytes", uids: "Vec<u16>", values: "Vec<u16>", version_key: "u64" };
  const values = {
    hotkey: `0x${Buffer.from(decodeHotkey(hotkey) ?? []).toString("hex")}`,
    uids: uidsOf(plan),
    values: valuesOf(plan),
    version_key: plan.parameters.weightsVersion,
  };
  return registry.createTypeUnsafe(JSON.stringify(fields), [values]).toU8a();
}

function hashCommit({ runtime, block }: StateAt, netuid: number, hotkey: Hotkey, plan: WeightsPlan): HashCommit {
  const drawn = randomBytes(2 * SALT_WORDS);
  const salt = Array.from({ length: SALT_WORDS }, (_, i) => drawn.readUInt16LE(2 * i));
  const [uids, values, version] = [uidsOf(plan), valuesOf(plan), plan.parameters.weightsVersion];
  return {
    ...{ genesis: runtime.facts.genesis, netuid, hotkey, uids, values, salt, versionKey: version.toString() },
    after: block.number,
    commitHash: weightsHash(runtime, [hotkey, netuid, uids, values, salt, version]),
  };
}

/** What a hash commit commits to: hotkey, netuid, uids, values, salt and version key. */
export function weightsHash({ api: { registry } }: Runtime, parts: readonly unknown[]): string {
  const tuple = registry.createTypeUnsafe("(AccountId32,u16,Vec<u16>,Vec<u16>,Vec<u16>,u64)", [parts]);
  return registry.hash(tuple.toU8a()).toHex();
}

const uidsOf = ({ row }: WeightsPlan) => row.map(([uid]) => uid);
const valuesOf = ({ row }: WeightsPlan) => row.map(([, weight]) => weight);
const outcomeOf = ({ uid, row }: WeightsPlan) => ({ uid, row: new Map(row) });

function noEpoch(): EngramError {
  return new EngramError("CHAIN_NO_EPOCH", "the subnet runs no epochs, so that no weights are ever revealed", {
    fix: "ask the subnet's owner to set a tempo",
  });
}
