import { expect, test } from "vitest";
import { isEngramError } from "../../../src/crypto/errors.ts";
import { ChainReader } from "../../../src/node/chain/subtensor/chain-reader.ts";
import type { RuntimeSource } from "../../../src/node/chain/subtensor/runtime-source.ts";
import type { BlockRef, Metagraph, Neuron } from "../../../src/node/ports.ts";
import type { HttpClient, HttpReply } from "../../../src/node/runtime/http-client.ts";
import { CosignDesk } from "../../../src/relay/cosign/cosign-desk.ts";
import { ChainCheck } from "../../../src/relay/gateway/chain-check.ts";
import { readSubmission } from "../../../src/relay/gateway/read-submission.ts";
import { GatewayRefusal } from "../../../src/relay/gateway/refusal.ts";
import { freezeRanking, roundScores } from "../../../src/relay/payload/freeze-output.ts";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import { payloadBody, signPayload } from "../../../src/relay/payload/sign-payload.ts";
import { NO_RECEIPT_HASH, signReceipt } from "../../../src/relay/receipt.ts";
import { FixedChain } from "../../support/fixed-chain.ts";
import { HonestNode, NETUID } from "../byzantine/honest-node.ts";
import { quickSignatures, signerOf } from "../byzantine/keys.ts";
import { MemoryOutbox } from "../byzantine/memory-outbox.ts";
import { Random } from "../byzantine/random.ts";
import { reply } from "../byzantine/reply.ts";
import { urlOf } from "../byzantine/round-chain.ts";
import { VirtualTime } from "../byzantine/virtual-time.ts";
import { newSigner, scoresOf, silent, validatorNeuron } from "../relay-kit.ts";
import { ForkedChain, LyingPool } from "./forked-chain.ts";

/** `npm run byzantine` runs 10,000. */
const SEEDS = Number(process.env["ENGRAM_BYZANTINE_SEEDS"] ?? 500);
const STEPS = 9;
const sr25519 = quickSignatures();
const signers = [signerOf(sr25519, "one"), signerOf(sr25519, "two")] as const;
const neurons = signers.map((signer, uid) => validatorNeuron(uid, signer, urlOf(signer.hotkey)));
const gatewaySigner = newSigner();
const outboxes = [new MemoryOutbox(), new MemoryOutbox()];
const scores = scoresOf(1, 0.5);

/** A chain of several endpoints as the product reads it; who may vote is not what is tried here. */
class ReadChain extends FixedChain {
  readonly #reader: ChainReader;

  constructor(pool: LyingPool, voters: readonly Neuron[]) {
    super(voters);
    this.#reader = new ChainReader(pool.pool, {} as RuntimeSource);
  }

  override head = (): Promise<BlockRef> => this.#reader.head();
  override finalized = (): Promise<BlockRef> => this.#reader.finalized();
  override blockHash = (number: number): Promise<string | null> => this.#reader.blockHash(number);
  override identity = async (): Promise<string> => "local:lying";
  override metagraph = async (block = 0): Promise<Metagraph> => ({ block, hash: "", neurons: this.neurons });
}

/** Two validators' relays and a gateway, each with its own endpoints, one of each lying. */
class Scene {
  readonly time = new VirtualTime(1_790_000_000_000);
  readonly truth: ForkedChain;
  readonly random: Random;
  readonly pools: readonly LyingPool[];
  readonly relay: HonestNode;
  readonly errors: unknown[] = [];
  readonly seen = { sent: 0, signed: 0, accepted: 0, refused: 0 };
  readonly #gateway: ChainCheck;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.truth = new ForkedChain(`seed ${seed}`);
    this.truth.grow(101 + this.random.below(20));
    this.truth.finalized = this.truth.head - 4;
    this.pools = [0, 1, 2].map(() => new LyingPool(this.truth, this.random));
    for (const pool of this.pools) pool.choose();
    const chains = this.pools.map((pool) => new ReadChain(pool, neurons)) as [ReadChain, ReadChain, ReadChain];
    const gateway: HttpClient = {
      get: () => Promise.reject(new Error("nobody asks")),
      delete: () => Promise.reject(new Error("nobody asks")),
      postJson: (_, text) => this.post(text, true),
    };
    const nodes = signers.map((signer, index) => {
      const outbox = outboxes[index] ?? new MemoryOutbox();
      outbox.clear();
      return new HonestNode({
        ...{ outbox, signer, sr25519, time: this.time, chain: chains[index] ?? chains[0] },
        caller: { post: async (_, _peer, _path, body) => ({ ...(await this.#cosign(body)), signed: true }) },
        ...{ http: gateway, gatewayHttp: gateway },
        gateway: { url: "http://gateway.test", hotkey: gatewaySigner.hotkey },
        failed: (error) => this.errors.push(error),
      });
    }) as [HonestNode, HonestNode];
    this.relay = nodes[0];
    this.#gateway = new ChainCheck(chains[2], silent);
    const desk = new CosignDesk({ ...nodes[1].context, ownScores: async () => ({ scores }) });
    this.#cosign = async (body) => {
      const { block, blockHash } = readPayload(body.slice('{"payload":'.length, -1));
      this.#left(block, blockHash);
      const { status, body: said } = await desk.answer(signers[0].hotkey, Buffer.from(body)).catch(unavailable);
      if (status === 200) {
        this.seen.signed += 1;
        expect(this.truth.isFinal(block, blockHash), "co-signed").toBe(true);
      }
      return reply(status, said);
    };
  }

  readonly #cosign: (body: string) => Promise<HttpReply>;

  #left(block: number, blockHash: string | null): void {
    this.seen.sent += 1;
    expect(this.truth.isFinal(block, blockHash), "sent").toBe(true);
  }

  /** The gateway's own check of finality, and a receipt for what passes it. */
  async post(text: string, isRelay: boolean): Promise<HttpReply> {
    const submission = readSubmission(sr25519, text);
    const { block, blockHash, signedHash, outputHash } = submission;
    if (isRelay) this.#left(block, blockHash);
    try {
      await this.#gateway.requireFinal(submission, await this.#gateway.state());
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error;
      this.seen.refused += 1;
      return reply(425, { error: "not_final" });
    }
    this.seen.accepted += 1;
    expect(this.truth.isFinal(block, blockHash), "accepted").toBe(true);
    const receipt = {
      ...{ gateway_seq: 1, prev_receipt_hash: NO_RECEIPT_HASH, signed_hash: signedHash, output_hash: outputHash },
      ...({ output_type: "ranking", assurance: "quorum", qc_hash: null, accepted_at_block: block } as const),
      ...{ accepted_at_ms: 1, chain: "local:lying", payment: null },
    };
    return reply(201, { receipt: signReceipt(receipt, gatewaySigner) });
  }

  /** What somebody sends who waits for nothing. */
  impatient({ number: block, hash: blockHash }: BlockRef): string {
    const nonce = `${block}:0:${this.time.now()}`;
    const output = freezeRanking(roundScores(scores));
    const frame = { schemaVersion: "engram-v2", netuid: NETUID, block, blockHash, roundTs: 1, nonce, output } as const;
    return signPayload(payloadBody(frame), signers[0]).text;
  }

  async play(): Promise<void> {
    const { random, truth, time } = this;
    // The relay measured on a block that may not stay.
    const block = truth.head - random.below(6);
    const measured = { number: block, hash: truth.hashes[block] ?? "" };
    const text = this.impatient(measured);
    await this.relay.emit(block, scores, measured.hash);
    for (let step = 0; step < STEPS; step += 1) {
      for (const pool of this.pools) if (random.chance(0.6)) pool.change();
      truth.grow(random.below(4));
      if (random.chance(0.4)) truth.reorganise(1 + random.below(10));
      // Finality stalls, for some time or for all of it.
      if (random.chance(0.5)) truth.finalized = Math.max(truth.finalized, truth.head - 2 - random.below(12));
      await this.post(text, false);
      await time.run(time.now() + 60_000);
      this.relay.tick();
      await time.run(time.now() + 60_000);
    }
    expect(this.errors).toEqual([]);
  }
}

function unavailable(error: unknown) {
  if (!isEngramError(error) && !(error instanceof GatewayRefusal)) throw error;
  return { status: 503, body: { error: "unavailable" } } as const;
}

test(`over ${SEEDS} chains with reorgs, stalls and lying endpoints nothing of a block that is not final leaves or is taken`, async () => {
  const total = { sent: 0, signed: 0, accepted: 0, refused: 0 };
  const states: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const scene = new Scene(seed);
    try {
      await scene.play();
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
    for (const key of ["sent", "signed", "accepted", "refused"] as const) total[key] += scene.seen[key];
    const [submission] = await scene.relay.parts.outbox.call("list", { state: null, limit: 1 });
    const state = submission?.state ?? "none";
    states[state] = (states[state] ?? 0) + 1;
    // Never given up for gone while it stands.
    if (state === "orphaned")
      expect(scene.truth.isFinal(submission?.block ?? 0, submission?.blockHash ?? "")).toBe(false);
  }
  process.stderr.write(`${JSON.stringify({ ...total, states })}\n`);
  expect(Math.min(total.sent, total.signed, total.accepted, total.refused)).toBeGreaterThan(SEEDS / 10);
  expect(Math.min(states["delivered"] ?? 0, states["orphaned"] ?? 0)).toBeGreaterThan(SEEDS / 20);
}, 3_600_000);
