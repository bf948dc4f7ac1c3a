import type { Sr25519 } from "../../../src/crypto/sr25519.ts";
import { writeCompact } from "../../../src/crypto/subnet-json-writer.ts";
import { Leases } from "../../../src/node/client/leases.ts";
import type { ChainClient, MinerScore } from "../../../src/node/ports.ts";
import type { Auth2Caller } from "../../../src/node/protocol/auth2-caller.ts";
import type { HttpClient } from "../../../src/node/runtime/http-client.ts";
import type { CosignContext } from "../../../src/relay/cosign/cosigner.ts";
import { type SignJournal, signJournal } from "../../../src/relay/cosign/sign-journal.ts";
import { freezeRanking, roundScores } from "../../../src/relay/payload/freeze-output.ts";
import { roundIdOf } from "../../../src/relay/payload/nonce.ts";
import type { PayloadSigner } from "../../../src/relay/payload/sign-payload.ts";
import { RelayWorker } from "../../../src/relay/relay-worker.ts";
import type { GatewayAddress } from "../../../src/relay/submit.ts";
import { silent, submitterTo } from "../relay-kit.ts";
import type { MemoryOutbox } from "./memory-outbox.ts";
import type { VirtualTime } from "./virtual-time.ts";

export const NETUID = 450;

/** Longer than the product's, so that a seed costs milliseconds. */
const TICK_MS = 45_000;

export interface HonestParts {
  readonly outbox: MemoryOutbox;
  readonly chain: ChainClient;
  readonly signer: PayloadSigner;
  readonly sr25519: Sr25519;
  readonly time: VirtualTime;
  /** Asks other nodes. */
  readonly caller: Pick<Auth2Caller, "post">;
  readonly http: HttpClient;
  /** Reaches the gateway alone. */
  readonly gatewayHttp: HttpClient;
  readonly gateway: GatewayAddress;
  /** Hears what went wrong inside. */
  readonly failed: (error: unknown) => void;
  /** A rule that a test breaks. */
  readonly mutate?: (journal: SignJournal, signer: PayloadSigner) => SignJournal;
}

/** A validator's relay as the product runs it: worker, outbox, journal; only its clock, chain and network are others. */
export class HonestNode {
  readonly parts: HonestParts;
  readonly context: CosignContext;
  readonly #measured = new Map<number, ReadonlyMap<number, MinerScore>>();
  #stop = new AbortController();
  #worker: RelayWorker;
  #ticking = false;

  constructor(parts: HonestParts) {
    this.parts = parts;
    const { outbox, signer, chain, sr25519, time, mutate = (journal) => journal } = parts;
    const journal = mutate(signJournal({ outbox, signer, clock: time }), signer);
    const ownScores = async (roundId: number) => {
      const scores = this.#measured.get(roundId);
      return scores ? { scores } : null;
    };
    this.context = { netuid: NETUID, signer, sr25519, chain, journal, ownScores };
    this.#worker = this.#newWorker();
  }

  /** A round was measured and agreed on here. */
  async emit(block: number, scores: ReadonlyMap<number, MinerScore>, blockHash?: string): Promise<void> {
    const { outbox, chain, time } = this.parts;
    this.#measured.set(roundIdOf(block), scores);
    const output = freezeRanking(roundScores(scores));
    const draft = {
      chain: await chain.identity(),
      schemaVersion: "engram-v2",
      outputType: "ranking",
      outputJson: writeCompact(output.document),
      outputHash: output.hash,
      assurance: "quorum",
      netuid: NETUID,
      block,
      blockHash: blockHash ?? (await chain.blockHash(block)) ?? "",
      roundId: roundIdOf(block),
    } as const;
    await outbox.call("enqueue", { draft, now: time.now() });
    this.tick();
  }

  /** Works now, and again whenever something is due. */
  tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    const { time, outbox, failed } = this.parts;
    const { signal } = this.#stop;
    const work = async () => {
      await this.#worker.tick();
      this.#ticking = false;
      const next = outbox.nextAt();
      if (next !== null && !signal.aborted) time.after(Math.max(TICK_MS, next - time.now()), () => this.tick());
    };
    work().catch((error) => {
      this.#ticking = false;
      if (!signal.aborted) failed(error);
    });
  }

  /** The process is killed and started again; `lost`: what it had not forced to the disk is gone. */
  restart(lost: (outbox: MemoryOutbox) => void = () => undefined): void {
    this.#stop.abort(new Error("killed"));
    lost(this.parts.outbox);
    this.#stop = new AbortController();
    this.#worker = this.#newWorker();
    this.#ticking = false;
    this.tick();
  }

  #newWorker(): RelayWorker {
    const { outbox, chain, signer, sr25519, time, caller, http, gatewayHttp, gateway } = this.parts;
    return new RelayWorker({
      outbox,
      leases: new Leases({ store: outbox, clock: time }),
      chain,
      signer,
      submitter: submitterTo(gateway, gatewayHttp),
      collector: { caller, http, sr25519, log: silent },
      quorumMin: 2,
      peers: [],
      clock: time,
      since: time.now(),
      log: silent,
      signal: this.#stop.signal,
    });
  }
}
