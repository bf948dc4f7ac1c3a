import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Reply } from "./reply.ts";

/** What a scrape reads at the moment it is made. */
export interface MetricReadings {
  vectors(): Promise<number>;
  /** Null: not known now. */
  peers(): Promise<number | null>;
  proofRate(): number | null;
  score(): Promise<number | null>;
}

const INGEST_BUCKETS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500];
const QUERY_BUCKETS_MS = [1, 5, 10, 25, 50, 100, 250, 500];

/** The miner's Prometheus metrics, under the reference's names where it has them (spec 8.16). */
export class MinerMetrics {
  readonly #registry = new Registry();
  readonly #ingests;
  readonly #queries;
  readonly #proofs;
  readonly #requests;
  readonly #ingestTimes;
  readonly #queryTimes;

  constructor(readings: MetricReadings) {
    const registers = [this.#registry];
    const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
      new Counter({ name, help, labelNames, registers });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers });
    this.#ingests = counter("engram_ingest_total", "Ingests by outcome", ["status"]);
    this.#queries = counter("engram_query_total", "Queries by outcome", ["status"]);
    this.#proofs = counter("engram_proof_total", "Storage challenges by outcome", ["result"]);
    this.#requests = counter("engram_http_requests_total", "Requests by route and status", ["route", "status"]);
    this.#ingestTimes = histogram("engram_ingest_duration_ms", "Time of an ingest in ms", INGEST_BUCKETS_MS);
    this.#queryTimes = histogram("engram_query_duration_ms", "Time of a query in ms, unpadded", QUERY_BUCKETS_MS);
    const gauge = (name: string, help: string, read: () => Promise<number | null> | number | null) =>
      new Gauge({
        name,
        help,
        registers,
        collect: async function () {
          const value = await read();
          // What is not known has no sample, rather than a false one.
          if (value === null) this.remove();
          else this.set(value);
        },
      });
    gauge("engram_vectors_stored", "Records held", () => readings.vectors());
    gauge("engram_peers_online", "Other neurons that serve an endpoint", () => readings.peers());
    gauge("engram_proof_success_rate", "Challenges answered, of those answered or failed here", () =>
      readings.proofRate(),
    );
    gauge("engram_score", "Mean of the neurons' positive incentives", () => readings.score());
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition text. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  /** `path` is the route's pattern: a label per CID would never end. */
  countRequest(path: string, reply: Reply, milliseconds: number): void {
    this.#requests.inc({ route: path, status: String(reply.status) });
    if (path === "/IngestSynapse") {
      this.#ingests.inc({ status: outcome(reply) });
      this.#ingestTimes.observe(milliseconds);
    } else if (path === "/QuerySynapse") this.#queries.inc({ status: outcome(reply) });
    else if (path === "/ChallengeSynapse") this.#proofs.inc({ result: outcome(reply) });
  }

  /** Apart from the whole request, which a private query pads. */
  observeQuery(milliseconds: number): void {
    this.#queryTimes.observe(milliseconds);
  }
}

/** The reference's labels (spec 8.16); an ingest refused for its stake is told by the word in its error. */
function outcome({ status, error }: Reply): "ok" | "error" | "rate_limited" | "auth_error" | "low_stake" {
  if (status === 401) return "auth_error";
  if (status === 429) return "rate_limited";
  if (error?.includes("stake")) return "low_stake";
  return status >= 400 || error !== undefined ? "error" : "ok";
}
