import { pythonFloat } from "../../crypto/python-text.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { type Neuron, PUBLIC_NAMESPACE, type VectorStore } from "../ports.ts";
import { objectText, valueText } from "../protocol/reply-text.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ChainView } from "./chain-view.ts";

const DAY_MS = 86_400_000;
const COUNT_MS = 5_000;
/** The median is taken over so many queries (spec 8.16). */
const TIMES_KEPT = 100;

interface Deps {
  readonly store: VectorStore;
  readonly clock: Clock;
  readonly chainView: ChainView;
  readonly hotkey: Hotkey;
}

/** What `GET /stats` shows (spec 8.16). */
export class MinerStats {
  readonly #deps: Deps;
  readonly #startedAt: number;
  readonly #queryTimes: number[] = [];
  #counted: { readonly at: number; readonly vectors: Promise<number> } | undefined;
  #day: number;
  #queriesToday = 0;
  #proofsAnswered = 0;
  #proofsFailed = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    this.#day = this.#today();
  }

  countQuery(milliseconds: number): void {
    this.#startDay();
    this.#queriesToday += 1;
    this.#queryTimes.push(milliseconds);
    if (this.#queryTimes.length > TIMES_KEPT) this.#queryTimes.shift();
  }

  /** A challenge that was answered, or that failed through this miner's own fault. */
  countProof(answered: boolean): void {
    if (answered) this.#proofsAnswered += 1;
    else this.#proofsFailed += 1;
  }

  /** Of challenges that were due an answer; null before the first. */
  proofRate(): number | null {
    const all = this.#proofsAnswered + this.#proofsFailed;
    return all === 0 ? null : this.#proofsAnswered / all;
  }

  /** Of everything held: for the operator alone. */
  async vectors(): Promise<number> {
    return await this.#deps.store.count();
  }

  /** Anybody may ask: private records are not told of, not even their number (M-W5), and they are not counted each time. */
  async #publicVectors(): Promise<number> {
    const now = this.#deps.clock.now();
    const isFresh = this.#counted !== undefined && Math.abs(now - this.#counted.at) < COUNT_MS;
    if (!isFresh) this.#counted = { at: now, vectors: this.#deps.store.count(PUBLIC_NAMESPACE) };
    return (await this.#counted?.vectors) ?? 0;
  }

  /** Other neurons that serve an endpoint; null while the chain is not known. */
  async peers(): Promise<number | null> {
    const { chainView, hotkey } = this.#deps;
    const chain = await chainView.snapshot();
    return chain && [...chain.neurons.values()].filter((one) => one.hotkey !== hotkey && one.endpoint !== null).length;
  }

  /** The mean of positive incentives, else the proof rate (spec 8.16). */
  async score(): Promise<number | null> {
    const chain = await this.#deps.chainView.snapshot();
    return averageIncentive([...(chain?.neurons.values() ?? [])]) ?? this.proofRate();
  }

  async replyText(): Promise<string> {
    const { clock, chainView, hotkey } = this.#deps;
    const [vectors, peers, score] = await Promise.all([this.#publicVectors(), this.peers(), this.score()]);
    const chain = await chainView.snapshot();
    this.#startDay();
    const uptime = Math.min(1, (clock.now() - this.#startedAt) / DAY_MS);
    return objectText({
      status: '"ok"',
      vectors: String(vectors),
      peers: String(peers ?? 0),
      uid: String(chain?.neurons.get(hotkey)?.uid ?? null),
      queries_today: String(this.#queriesToday),
      p50_latency_ms: floatText(median(this.#queryTimes), 1),
      proof_rate: floatText(this.proofRate(), 4),
      uptime_pct: floatText(uptime, 4),
      block: String(chain?.block ?? null),
      avg_score: floatText(score, 4),
      hotkey: valueText(hotkey),
    });
  }

  #today(): number {
    return Math.floor(this.#deps.clock.now() / DAY_MS);
  }

  /** The count of the day starts anew at midnight UTC. */
  #startDay(): void {
    if (this.#day === this.#today()) return;
    this.#day = this.#today();
    this.#queriesToday = 0;
  }
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle];
  if (high === undefined) return null;
  const low = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? high) : high;
  return (low + high) / 2;
}

function averageIncentive(neurons: readonly Neuron[]): number | null {
  const positive = neurons.map((neuron) => neuron.incentive).filter((incentive) => incentive > 0);
  return positive.length === 0 ? null : positive.reduce((sum, incentive) => sum + incentive, 0) / positive.length;
}

function floatText(value: number | null, digits: number): string {
  return value === null ? "null" : pythonFloat(Number(value.toFixed(digits)));
}
