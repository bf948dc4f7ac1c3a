import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "../../../src/crypto/hex.ts";
import { loadSr25519, type Sr25519 } from "../../../src/crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../../src/crypto/ss58.ts";
import { objectFromPlain } from "../../../src/crypto/subnet-json.ts";
import { writeCompact } from "../../../src/crypto/subnet-json-writer.ts";
import { LocalChain } from "../../../src/node/chain/local/local-chain.ts";
import {
  defaultLocalChainSettings,
  type LocalChainSettings,
} from "../../../src/node/chain/local/local-chain-settings.ts";
import { type Clock, systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { type GatewayConfig, readGatewayConfig } from "../../../src/relay/gateway/gateway-config.ts";
import { type RunningGateway, type StartGatewayDeps, startGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { type FrozenOutput, freezeRanking, thawOutput } from "../../../src/relay/payload/freeze-output.ts";
import { cosignMessage } from "../../../src/relay/payload/hashes.ts";
import { makeNonce } from "../../../src/relay/payload/nonce.ts";
import { payloadBody, signPayload, withCosignatures } from "../../../src/relay/payload/sign-payload.ts";
import type { SchemaVersion } from "../../../src/relay/payload/types.ts";
import type { Receipt } from "../../../src/relay/receipt.ts";
import { answered } from "../deliveries/outputs.ts";

const NETUID = 450;
const SETTINGS: LocalChainSettings = { ...defaultLocalChainSettings, blocks: "stepped", finalityLag: 3 };

/** A hotkey that signs. */
export interface Signer {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

export interface MadeSubmission {
  readonly text: string;
  readonly signedHash: string;
  readonly outputHash: string;
}

export interface SubmissionOptions {
  readonly author?: Signer;
  readonly cosigners?: readonly Signer[];
  readonly block?: number;
  readonly blockHash?: string;
  readonly uid?: number | null;
  readonly netuid?: number;
  readonly now?: number;
  readonly nonce?: string;
  readonly recall?: number;
  readonly version?: SchemaVersion;
  readonly outputHash?: string;
}

export interface ReplyBody {
  readonly status?: string;
  readonly error?: string;
  readonly retryable?: boolean;
  readonly signed_hash?: string;
  readonly receipt?: Receipt | null;
  readonly quorum?: { readonly have: number; readonly need: number } | null;
}

function signerOf(sr25519: Sr25519, byte: number): Signer {
  const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(byte));
  return { hotkey: hotkeyOf(pair.publicKey), sign: (message) => sr25519.sign(pair, message) };
}

/** A stepped chain with four validators of four owners, and a folder for a gateway. */
export class GatewayKit implements AsyncDisposable {
  readonly folder: string;
  readonly chain: LocalChain;
  readonly validators: readonly Signer[];
  readonly stranger: Signer;
  readonly #stack: ReleaseStack;
  #time = Date.now();

  private constructor(folder: string, chain: LocalChain, signers: readonly Signer[], stack: ReleaseStack) {
    this.folder = folder;
    this.chain = chain;
    this.validators = signers.slice(0, 4);
    this.stranger = signers[4] as Signer;
    this.#stack = stack;
  }

  static async open(settings: LocalChainSettings = SETTINGS): Promise<GatewayKit> {
    await using stack = new ReleaseStack();
    const folder = await mkdtemp(join(tmpdir(), "engram-gateway-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const chain = stack.use(new LocalChain({ path: join(folder, "chain.db"), settings }));
    const sr25519 = await loadSr25519();
    const signers = [1, 2, 3, 4, 5].map((byte) => signerOf(sr25519, byte));
    for (const [index, { hotkey }] of signers.slice(0, 4).entries()) {
      await chain.register(hotkey, signerOf(sr25519, 100 + index).hotkey);
      await chain.stake(hotkey, 1_000);
    }
    await chain.step(settings.finalityLag + 7);
    return new GatewayKit(folder, chain, signers, stack.move());
  }

  config(environment: Readonly<Record<string, string>> = {}): GatewayConfig {
    const variables = { ENGRAM_CHAIN: "local", ENGRAM_GATEWAY_PORT: "0", ...environment };
    return readGatewayConfig(variables, join(this.folder, "gateway"));
  }

  async start(
    deps: Partial<Pick<StartGatewayDeps, "openGate" | "chain">> & {
      readonly clock?: Clock;
      readonly config?: Partial<GatewayConfig>;
    } = {},
  ): Promise<RunningGateway> {
    const { clock = systemClock, config = {}, ...rest } = deps;
    const logger = createLogger({ level: "silent" });
    return startGateway({ ...this.config(), ...config }, { chain: this.chain, clock, logger, ...rest });
  }

  validator(index: number): Signer {
    return this.validators[index] as Signer;
  }

  async ranking(options: SubmissionOptions = {}): Promise<MadeSubmission> {
    const { recall = 0.95 } = options;
    return this.#make(freezeRanking(new Map([[0, { recall, latencyMs: 120.5, proofRate: 1 }]])), options);
  }

  async inference(options: SubmissionOptions = {}, completion = "an answer"): Promise<MadeSubmission> {
    return this.#make(answered(completion), { author: this.stranger, uid: null, ...options });
  }

  async memory(options: SubmissionOptions = {}): Promise<MadeSubmission> {
    const { hotkey } = this.validator(0);
    const output = { query_sha256: null, items: [], merkle_root: null, miner_hotkey: hotkey };
    return this.#make(thawOutput("memory", objectFromPlain(output)), options);
  }

  /** An inference that nobody signed. */
  async plain(completion = "a plain answer"): Promise<string> {
    return writeCompact(payloadBody(await this.#frame(answered(completion), { uid: null })));
  }

  async #frame(output: FrozenOutput, options: SubmissionOptions) {
    const finalized = await this.chain.finalized();
    const { block = finalized.number, uid = 0, version = "engram-v2" } = options;
    this.#time += 1;
    return {
      schemaVersion: version,
      netuid: options.netuid ?? NETUID,
      block,
      blockHash: options.blockHash ?? (await this.chain.blockHash(block)) ?? `0x${"99".repeat(32)}`,
      roundTs: 1_795_000_000.5,
      nonce: options.nonce ?? makeNonce(output.type, block, uid, options.now ?? this.#time),
      output: options.outputHash === undefined ? output : { ...output, hash: options.outputHash },
    };
  }

  async #make(output: FrozenOutput, options: SubmissionOptions): Promise<MadeSubmission> {
    const { author = this.validator(0), cosigners = [] } = options;
    const frame = await this.#frame(output, options);
    const { signedHash, text } = signPayload(payloadBody(frame), author);
    const { netuid, block } = frame;
    const message = cosignMessage({ netuid, block, outputHash: frame.output.hash, signedHash });
    const cosignatures = cosigners.map(({ hotkey, sign }) => ({
      validator_hotkey: hotkey,
      signature: `0x${toHex(sign(message))}`,
    }));
    return { text: withCosignatures(text, cosignatures), signedHash, outputHash: frame.output.hash };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** Posts a submission over TCP. */
export async function post(
  gateway: Pick<RunningGateway, "url">,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: ReplyBody; readonly headers: Headers }> {
  const response = await fetch(`${gateway.url}/relay`, { method: "POST", body, headers });
  return { status: response.status, body: (await response.json()) as ReplyBody, headers: response.headers };
}

export async function get<T>(gateway: Pick<RunningGateway, "url">, path: string): Promise<T> {
  // A connection of its own: a kept one may be closed while a test is busy with what it was told.
  return (await (await fetch(gateway.url + path, { headers: { connection: "close" } })).json()) as T;
}

/** The same payload with its first co-signature changed in its first byte, whatever that was. */
export function forgeCosignature(text: string): string {
  return text.replace(/("cosignatures".*"signature":"0x)(..)/, (_, before: string, byte: string) => {
    return `${before}${byte === "00" ? "01" : "00"}`;
  });
}
