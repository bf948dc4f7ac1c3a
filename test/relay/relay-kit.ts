import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import type { BlockRef, Metagraph, MinerScore, Neuron } from "../../src/node/ports.ts";
import { createHttpClient, type HttpClient } from "../../src/node/runtime/http-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { type FrozenOutput, freezeInference } from "../../src/relay/payload/freeze-output.ts";
import { readPayload } from "../../src/relay/payload/read-payload.ts";
import type { PayloadSigner } from "../../src/relay/payload/sign-payload.ts";
import { NO_RECEIPT_HASH, type Receipt, type ReceiptBody, signReceipt } from "../../src/relay/receipt.ts";
import { ReceiptTrust } from "../../src/relay/receipt-trust.ts";
import type { GatewayAddress, Submitter } from "../../src/relay/submit.ts";
import { openTransport } from "../../src/relay/transport/open-transport.ts";
import { FixedChain } from "../support/fixed-chain.ts";
import { TestClock } from "../support/test-clock.ts";

export const sr25519 = await loadSr25519();
export const silent = createLogger({ level: "silent" });
const GATEWAY_URL = "http://gateway.test";

export function newSigner(): PayloadSigner {
  const pair = sr25519.pairFromSeed(randomBytes(32));
  return { hotkey: hotkeyOf(pair.publicKey), sign: (message) => sr25519.sign(pair, message) };
}

export async function tempHome(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "engram-relay-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A chain whose blocks a test makes and takes away. */
export class SteppedChain extends FixedChain {
  readonly hashes: string[] = [];
  finalizedNumber = 0;
  /** Before this block the chain has no neurons. */
  neuronsFrom = 0;
  identityText = "local:stepped";

  constructor(neurons: readonly Neuron[] = []) {
    super(neurons);
    this.grow(1);
  }

  grow(blocks: number): void {
    for (let made = 0; made < blocks; made += 1) this.hashes.push(`0x${randomBytes(32).toString("hex")}`);
  }

  /** Replaces the newest `depth` blocks. */
  reorganise(depth: number): void {
    this.hashes.length -= depth;
    this.grow(depth);
  }

  finalize(number: number): void {
    this.finalizedNumber = Math.max(this.finalizedNumber, number);
  }

  block(number: number): BlockRef {
    return { number, hash: this.hashes[number] ?? "" };
  }

  override async identity(): Promise<string> {
    return this.identityText;
  }

  override async head(): Promise<BlockRef> {
    return this.block(this.hashes.length - 1);
  }

  override async finalized(): Promise<BlockRef> {
    return this.block(this.finalizedNumber);
  }

  override async blockHash(number: number): Promise<string | null> {
    return this.hashes[number] ?? null;
  }

  override async metagraph(atBlock?: number): Promise<Metagraph> {
    const { number, hash } = this.block(atBlock ?? this.finalizedNumber);
    return { block: number, hash, neurons: number < this.neuronsFrom ? [] : this.neurons };
  }
}

export function validatorNeuron(uid: number, signer: PayloadSigner, endpoint: string | null = null): Neuron {
  const { hotkey } = signer;
  return { uid, hotkey, coldkey: newSigner().hotkey, endpoint, stakeTao: 1_000, validatorPermit: true, incentive: 0 };
}

export function scoresOf(...recalls: readonly number[]): ReadonlyMap<number, MinerScore> {
  return new Map(recalls.map((recall, uid) => [uid, { recall, latencyMs: 100.1234567 + uid, proofRate: 1 }]));
}

/** A model's answer, `completion`. */
export function anInference(completion = "Eight."): FrozenOutput {
  return freezeInference({
    request_id: "3f0e8a52-54c8-4f0e-9f55-2f7f6f7f6f7f",
    model: "m",
    model_version: "1",
    prompt_sha256: "0".repeat(64),
    input_cids: [],
    completion,
    finish_reason: "stop",
    usage: { input_tokens: 3, output_tokens: 1 },
    latency_ms: 20,
    miner_uid: null,
    miner_hotkey: null,
    tool_calls: [],
  });
}

export interface Posted {
  readonly url: string;
  readonly text: string;
  readonly headers: Headers;
}

/** A gateway that answers what a test says and remembers what came. */
export class ScriptedGateway {
  readonly signer = newSigner();
  readonly posted: Posted[] = [];
  readonly http: HttpClient;
  /** Answers in order; the last one stays. */
  answers: ((posted: Posted) => Response | Promise<Response>)[] = [(posted) => this.accept(posted)];

  constructor(others: (request: Request) => Response | Promise<Response> | undefined = () => undefined) {
    this.http = createHttpClient(async (request) => {
      const other = await others(request.clone());
      if (other) return other;
      const posted = { url: request.url, text: await request.text(), headers: request.headers };
      this.posted.push(posted);
      const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
      if (!answer) throw new Error("no answer is scripted");
      return await answer(posted);
    });
  }

  get address() {
    return { url: GATEWAY_URL, hotkey: this.signer.hotkey };
  }

  receipt(text: string, changes: Partial<ReceiptBody> = {}): Receipt {
    const payload = readPayload(text);
    const body = {
      gateway_seq: 1,
      prev_receipt_hash: NO_RECEIPT_HASH,
      signed_hash: payload.signedHash,
      output_hash: payload.outputHash,
      output_type: payload.content.type,
      assurance: "quorum" as const,
      qc_hash: null,
      accepted_at_block: payload.block,
      accepted_at_ms: 1,
      chain: "local:stepped",
      payment: null,
      ...changes,
    };
    return signReceipt(body, this.signer);
  }

  accept({ text }: Posted, status = 200): Response {
    const receipt = this.receipt(text);
    return Response.json({ status: "accepted", signed_hash: receipt.signed_hash, receipt }, { status });
  }
}

export function says(status: number, error: string, headers: Record<string, string> = {}): () => Response {
  return () => Response.json({ error, message: "", retryable: false }, { status, headers });
}

/** Time that moves only when a test says so: who sleeps is woken by its signal alone. */
export class StillClock extends TestClock {
  override async sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<void>();
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    await promise;
  }
}

/** What submits to `gateway` over `http` and remembers no keys. */
export function submitterTo(gateway: GatewayAddress, http: HttpClient): Submitter {
  const transport = openTransport({ url: gateway.url, deadlineMs: 5_000 }, { http });
  const memory = { read: async () => [], keep: async () => undefined };
  return { transport, gateway, trust: new ReceiptTrust(gateway.hotkey, { transport, memory, log: silent }) };
}
