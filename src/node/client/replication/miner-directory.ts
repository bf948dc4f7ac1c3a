import { isEngramError } from "../../../crypto/errors.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { toPlain } from "../../../crypto/subnet-json.ts";
import type { EmbeddingProfile } from "../../ports.ts";
import { verifyCapabilities } from "../../protocol/capabilities.ts";
import { type CapabilityPin, parsePin, updatePin } from "../../protocol/capability-pins.ts";
import { sameChain } from "../../protocol/same-chain.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { HttpClient } from "../../runtime/http-client.ts";
import { type KnownMiner, MinerClient } from "./miner-client.ts";
import type { RequestSigner } from "./signer.ts";

/** Small durable values, as the store keeps them. */
export interface KeyValues {
  read(key: string): Promise<string | null>;
  /** An empty value is as good as none. */
  write(key: string, value: string): Promise<void>;
}

/** A miner as last seen. */
export interface MinerView {
  readonly client: MinerClient;
  readonly miner: KnownMiner;
  readonly reachable: boolean;
  /** False when another hotkey answers at its address: then nothing is sent there. */
  readonly trusted: boolean;
  /** Its hotkey signed at the last look: private records are sent only then. */
  readonly verified: boolean;
  /** Pinned capabilities; empty for a miner of the reference. */
  readonly caps: readonly string[];
  readonly profile: EmbeddingProfile | undefined;
  /** What key shares for it are sealed to: 64 hex digits. */
  readonly shareKey: string | undefined;
  /** How long `/health` took; unreachable miners come last. */
  readonly latencyMs: number;
}

export interface MinerDirectoryOptions {
  /** The remote ones alone, or with the embedded one where there is no other: that opens it. */
  readonly miners: (options: { readonly embedded: boolean }) => Promise<readonly KnownMiner[]>;
  /** The embedded one, also while remote miners keep it off. */
  readonly ownMiner: () => Promise<KnownMiner | undefined>;
  readonly httpFor: (miner: KnownMiner) => HttpClient;
  readonly signer: RequestSigner;
  readonly sr25519: Sr25519;
  readonly chainIdentity: () => Promise<string>;
  readonly values: KeyValues;
  readonly clock: Clock;
  /** Of one call; default 15 s, of a look 5 s. */
  readonly deadlineMs?: number | undefined;
}

const LOOK_MS = 5_000;

/** Looks after the known miners: who answers, who it really is, and what it may be trusted with. */
export class MinerDirectory {
  readonly #options: MinerDirectoryOptions;
  #views: readonly MinerView[] = [];
  #lookedAt = 0;
  #loading: Promise<readonly MinerView[]> | undefined;
  #looking: Promise<readonly MinerView[]> | undefined;

  constructor(options: MinerDirectoryOptions) {
    this.#options = options;
  }

  /** As of the last look; empty before the first. */
  get views(): readonly MinerView[] {
    return this.#views;
  }

  /** Unix ms of the last look that ended; 0 before the first. */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  /** What is pinned, without asking anyone or opening anything: enough to say what is possible. */
  load(): Promise<readonly MinerView[]> {
    if (this.#lookedAt > 0) return Promise.resolve(this.#views);
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<readonly MinerView[]> {
    const { miners: known, chainIdentity, values } = this.#options;
    const [miners, chain] = await Promise.all([known({ embedded: false }), chainIdentity()]);
    return Promise.all(
      miners.map(async (miner) => {
        const pin = parsePin(await values.read(pinKey(miner.hotkey)));
        return this.#view(miner, { reachable: false }, onChain(pin, chain));
      }),
    );
  }

  /** A look at the embedded miner alone: what it held before there were remote miners is deleted there too. */
  async lookAtOwn(signal?: AbortSignal): Promise<MinerView | undefined> {
    const [own, chain] = await Promise.all([this.#options.ownMiner(), this.#options.chainIdentity()]);
    return own && this.#lookAt(own, chain, signal);
  }

  /** It stopped answering between two looks. */
  markSilent(hotkey: Hotkey): void {
    this.#views = this.#views.map((view) => (view.miner.hotkey === hotkey ? { ...view, reachable: false } : view));
  }

  /** Asks every miner; concurrent callers share one look. */
  refresh(signal?: AbortSignal): Promise<readonly MinerView[]> {
    this.#looking ??= this.#look(signal).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(signal: AbortSignal | undefined): Promise<readonly MinerView[]> {
    const [miners, chain] = await Promise.all([
      this.#options.miners({ embedded: true }),
      this.#options.chainIdentity(),
    ]);
    this.#views = await Promise.all(miners.map((miner) => this.#lookAt(miner, chain, signal)));
    this.#lookedAt = this.#options.clock.now();
    return this.#views;
  }

  async #lookAt(miner: KnownMiner, chain: string, signal: AbortSignal | undefined): Promise<MinerView> {
    const { clock, sr25519, values, deadlineMs = LOOK_MS } = this.#options;
    const key = pinKey(miner.hotkey);
    const pin = parsePin(await values.read(key));
    const began = performance.now();
    const view = (state: Seen, now: CapabilityPin | undefined) =>
      this.#view(miner, { ...state, latencyMs: performance.now() - began }, now);
    const { client } = view({ reachable: false }, pin);
    try {
      const health = await client.health({ deadlineMs: Math.min(deadlineMs, LOOK_MS), ...(signal ? { signal } : {}) });
      const stated = verifyCapabilities(sr25519, toPlain(health.get("caps") ?? null));
      if (stated && stated.hotkey !== miner.hotkey) return view({ reachable: true, trusted: false }, undefined);
      const seen = stated && sameChain(chain, stated.chain) ? stated : undefined;
      const updated = updatePin(pin, seen, clock.now());
      if (updated !== pin) await values.write(key, JSON.stringify(updated));
      return view({ reachable: true, verified: seen !== undefined }, onChain(updated, chain));
    } catch (error) {
      signal?.throwIfAborted();
      const reachable = isEngramError(error, "MINER_ANSWER");
      return view({ reachable }, onChain(pin, chain));
    }
  }

  #view(miner: KnownMiner, seen: Seen, pin: CapabilityPin | undefined): MinerView {
    const { httpFor, signer, deadlineMs } = this.#options;
    return {
      client: new MinerClient({ miner, http: httpFor(miner), signer, deadlineMs }),
      miner,
      reachable: seen.reachable,
      trusted: seen.trusted ?? true,
      verified: seen.verified ?? false,
      caps: pin?.caps ?? [],
      profile: pin?.newest.profile,
      shareKey: pin?.newest.x25519,
      latencyMs: seen.reachable ? (seen.latencyMs ?? 0) : Number.MAX_SAFE_INTEGER,
    };
  }
}

/** How a miner looked. */
interface Seen {
  readonly reachable: boolean;
  readonly trusted?: false;
  readonly verified?: boolean;
  readonly latencyMs?: number;
}

/** Pinned on another chain, say before a change of ENGRAM_CHAIN, a miner promised nothing on this one. */
function onChain(pin: CapabilityPin | undefined, chain: string): CapabilityPin | undefined {
  return pin && sameChain(chain, pin.newest.chain) ? pin : undefined;
}

/** Clears what is pinned of a miner, so that its next statement counts as the first (`engram miners forget HOTKEY`). */
export async function forgetMiner(values: KeyValues, hotkey: Hotkey): Promise<void> {
  await values.write(pinKey(hotkey), "");
}

function pinKey(hotkey: Hotkey): string {
  return `miner-pin/${hotkey}`;
}
