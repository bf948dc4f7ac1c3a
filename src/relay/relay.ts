import { EngramError } from "../crypto/errors.ts";
import type { Sr25519 } from "../crypto/sr25519.ts";
import { isSubnetArray } from "../crypto/subnet-json.ts";
import { writeCompact } from "../crypto/subnet-json-writer.ts";
import { Leases } from "../node/client/leases.ts";
import type { BlockRef, ChainClient, RankingRound, RelayPort } from "../node/ports.ts";
import { Auth2Caller, type Auth2Peer } from "../node/protocol/auth2-caller.ts";
import { type Clock, systemClock } from "../node/runtime/clock.ts";
import type { HttpClient } from "../node/runtime/http-client.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { traceCalls } from "../node/runtime/traced-http.ts";
import { keptTrace } from "../node/runtime/tracing.ts";
import { RoundAnchors } from "./anchor-rounds.ts";
import type { CosignContext } from "./cosign/cosigner.ts";
import { signJournal } from "./cosign/sign-journal.ts";
import { MAX_VOUCHED_ITEMS, type VouchContext } from "./cosign/vouch.ts";
import { type Outbox, openOutbox } from "./outbox/outbox.ts";
import type { Submission, SubmissionState } from "./outbox/outbox-types.ts";
import { type FrozenOutput, freezeRanking, roundScores } from "./payload/freeze-output.ts";
import { roundIdOf } from "./payload/nonce.ts";
import type { PayloadSigner } from "./payload/sign-payload.ts";
import { subjectOf } from "./payload/subject.ts";
import type { Assurance } from "./payload/types.ts";
import type { SubmissionPayer } from "./payment/buyer-types.ts";
import { ReceiptTrust, type SuccessionMemory } from "./receipt-trust.ts";
import { RelayMetrics } from "./relay-metrics.ts";
import { readingsOf } from "./relay-readings.ts";
import type { RelaySettings } from "./relay-settings.ts";
import { RelayWorker } from "./relay-worker.ts";
import { type RelayStatus, relayStatus } from "./status.ts";
import { openTransport } from "./transport/open-transport.ts";
import type { SubmissionTransport } from "./transport/submission-transport.ts";

export interface RelayOptions {
  /** The data folder: the outbox lives in it. */
  readonly home: string;
  readonly settings: RelaySettings;
  readonly signer: PayloadSigner;
  readonly chain: ChainClient;
  readonly http: HttpClient;
  readonly sr25519: Sr25519;
  readonly log: Logger;
  /** Absent: what costs money is parked. */
  readonly payer?: SubmissionPayer;
  /** Validators whose address the operator names. */
  readonly peers?: readonly Auth2Peer[];
  readonly clock?: Clock;
  /** In [0, 1): spreads the waits between attempts; absent: they are exact. */
  readonly random?: () => number;
  /** Of all relays of a process that has several. */
  readonly metrics?: RelayMetrics;
}

/** `job` is null in a dry run: nothing was queued. */
export interface Queued {
  readonly job: string | null;
  readonly outputHash: string;
  /** False when the same output, or a ranking of the round, was queued before. */
  readonly created: boolean;
}

/** Queues outputs durably and sends them in the background. */
export class Relay implements RelayPort, AsyncDisposable {
  readonly #options: RelayOptions;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #stop = new AbortController();
  readonly #worker: RelayWorker | null;
  readonly #unwatch: () => void;
  #transport: SubmissionTransport | undefined;
  readonly metrics: RelayMetrics;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#outbox = openOutbox(options.home);
    this.metrics = options.metrics ?? new RelayMetrics();
    this.#unwatch = this.metrics.watch(readingsOf(this.#outbox, this.#clock, options.payer));
    this.#worker = this.#createWorker();
  }

  /** Whether anything is sent; without a gateway every call is a dry run. */
  get live(): boolean {
    return this.#worker !== null;
  }

  /** Begins to send; nothing in a dry run. */
  start(): void {
    this.#worker?.start();
  }

  /** Everything that is due, once: for tests and for commands that wait. */
  async tick(): Promise<boolean> {
    return (await this.#worker?.tick()) ?? false;
  }

  /**
   * Queues a round's agreed scores; again with the same round it changes nothing. Errors: `RELAY_NO_BLOCK`,
   * `SCORES_INVALID`.
   */
  async emitRanking({ block, blockHash, scores }: RankingRound): Promise<void> {
    for (const { recall, proofRate, latencyMs } of scores.values()) {
      const inRange = [recall, proofRate].every((value) => value >= 0 && value <= 1) && (latencyMs ?? 0) >= 0;
      if (!inRange) throw new EngramError("SCORES_INVALID", "a score of this round is out of range; it is not relayed");
    }
    await this.#enqueue(freezeRanking(roundScores(scores)), "quorum", { number: block, hash: blockHash });
  }

  /** What `submit` of this output would come to, if it was queued before. Errors: `QUORUM_UNAVAILABLE`. */
  async queued(output: FrozenOutput, assurance: "author" | "quorum" = "author"): Promise<Submission | null> {
    if (assurance === "quorum") assertVouchable(output);
    const { settings, chain } = this.#options;
    const topic = { chain: await chain.identity(), netuid: settings.netuid, roundId: 0, assurance };
    const { type: outputType, hash: outputHash } = output;
    return await this.#outbox.call("findTopic", { ...topic, outputType, outputHash, subject: subjectOf(output) });
  }

  /**
   * Queues a memory or inference output under this hotkey; the same said again is the same job. `payer` is the address
   * that paid for it here: its name travels with the payload. With `quorum` validators are asked to vouch for a memory
   * first, and it is never sent with less. Errors: `QUORUM_UNAVAILABLE` for what they do not vouch for.
   */
  async submit(
    output: FrozenOutput,
    payer: string | null = null,
    assurance: "author" | "quorum" = "author",
  ): Promise<Queued> {
    if (output.type === "ranking") throw new TypeError("rankings come from a validator's rounds");
    if (assurance === "quorum") assertVouchable(output);
    return await this.#enqueue(output, assurance, await this.#options.chain.finalized(), payer);
  }

  /** By job or signed hash. */
  async find(id: string): Promise<Submission | null> {
    return await this.#outbox.call("find", { id });
  }

  async list(state: SubmissionState | null = null, limit = 50): Promise<readonly Submission[]> {
    return await this.#outbox.call("list", { state, limit });
  }

  /** A person's word: sends a parked or abandoned submission again, on the gateway's present terms. */
  async replay(job: string): Promise<boolean> {
    const replayed = await this.#outbox.call("replay", { job, now: this.#clock.now() });
    this.#worker?.wake();
    return replayed;
  }

  async status(): Promise<RelayStatus & { readonly enabled: boolean }> {
    return { enabled: this.live, ...(await relayStatus(this.#outbox)) };
  }

  /** What this validator co-signs others' rankings with; its own and others' share one journal. */
  cosignContext(ownScores: CosignContext["ownScores"]): CosignContext {
    const { settings, signer, sr25519, chain } = this.#options;
    const journal = signJournal({ outbox: this.#outbox, signer, clock: this.#clock });
    return { netuid: settings.netuid, signer, sr25519, chain, journal, ownScores };
  }

  /** What this validator vouches for others' memories with. `http` calls addresses that the chain names alone. */
  vouchContext(deps: Pick<VouchContext, "http" | "signal">): VouchContext {
    const { settings, signer, sr25519, chain } = this.#options;
    return { ...deps, netuid: settings.netuid, signer, sr25519, chain, outbox: this.#outbox, clock: this.#clock };
  }

  async #enqueue(
    output: FrozenOutput,
    assurance: Assurance,
    { number, hash }: BlockRef,
    payer: string | null = null,
  ): Promise<Queued> {
    const { settings, chain, log } = this.#options;
    if (number <= 0 || !/^0x[0-9a-f]{64}$/.test(hash)) {
      throw new EngramError("RELAY_NO_BLOCK", "nothing is relayed without the block it belongs to", {
        fix: "check the chain's endpoint",
      });
    }
    const outputHash = output.hash;
    if (!this.#worker) {
      await this.#outbox.call("countDryRun", null);
      this.metrics.submitted("dry_run", output.type);
      log.info({ outputHash, block: number }, "dry run: nothing is relayed without XERIS_RELAY_URL");
      return { job: null, outputHash, created: false };
    }
    const draft = {
      chain: await chain.identity(),
      schemaVersion: output.type === "ranking" ? settings.schemaVersion : "engram-v2",
      outputType: output.type,
      outputJson: writeCompact(output.document),
      outputHash,
      subject: subjectOf(output),
      assurance,
      payer,
      netuid: settings.netuid,
      block: number,
      blockHash: hash,
      roundId: roundIdOf(number),
      traceparent: keptTrace(),
    } as const;
    const queued = await this.#outbox.call("enqueue", { draft, now: this.#clock.now() });
    this.#worker.wake();
    return { ...queued, outputHash };
  }

  #createWorker(): RelayWorker | null {
    const { settings, signer, chain, http, sr25519, log, payer, peers = [], random } = this.#options;
    const { gateway, deadlineMs, quorumMin, alertUrl, retentionMs, netuid } = settings;
    if (!gateway) return null;
    const [outbox, clock] = [this.#outbox, this.#clock];
    const webhook =
      alertUrl === undefined ? undefined : { url: alertUrl, http, validatorHotkey: signer.hotkey, netuid, log };
    const transport = openTransport({ url: gateway.url, deadlineMs }, { http });
    this.#transport = transport;
    const memory: SuccessionMemory = {
      read: (pinned) => outbox.call("successions", { pinned }),
      keep: (pinned, successions) => outbox.call("keepSuccessions", { pinned, successions }),
    };
    const trust = new ReceiptTrust(gateway.hotkey, { transport, memory, log });
    const anchors = new RoundAnchors({
      ...{ outbox, clock, chain, log, hotkey: signer.hotkey, rule: settings.anchor ?? "auto" },
      onWritten: () => this.#worker?.wake(),
    });
    return new RelayWorker({
      outbox,
      anchors,
      leases: new Leases({ store: outbox, clock }),
      chain,
      signer,
      submitter: { transport, trust, gateway, now: () => clock.now(), ...(payer ? { payer } : {}) },
      collector: { caller: new Auth2Caller({ signer, sr25519, clock }), http: traceCalls(http), sr25519, log },
      quorumMin,
      peers,
      clock,
      since: clock.now(),
      random,
      webhook,
      ...(retentionMs === undefined ? {} : { retentionMs }),
      metrics: this.metrics,
      log,
      signal: this.#stop.signal,
    });
  }

  /** Stops after the step that is running; what is queued stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new EngramError("RELAY_STOPPED", "the relay is stopping"));
    await this.#worker?.stopped();
    this.#unwatch();
    await this.#transport?.[Symbol.asyncDispose]();
    await this.#outbox[Symbol.asyncDispose]();
  }
}

function assertVouchable({ type, document }: FrozenOutput): void {
  const items = document.get("items");
  const count = isSubnetArray(items) ? items.length : 0;
  if (type === "memory" && count > 0 && count <= MAX_VOUCHED_ITEMS) return;
  throw new EngramError("QUORUM_UNAVAILABLE", `validators vouch for 1 to ${MAX_VOUCHED_ITEMS} records of memories`, {
    fix: "publish fewer at a time, or under your hotkey alone",
  });
}
