import { MetricSet } from "../runtime/metric-set.ts";
import type { Reply } from "./reply.ts";

/** What a scrape reads at the moment it is made. Null: not known now. */
export interface MetricReadings {
  vectors(): Promise<number>;
  peers(): Promise<number | null>;
  proofRate(): number | null;
  score(): Promise<number | null>;
  /** Calls to the record store that wait for their answer, writes for their fsync among them; null: not told. */
  storeWaiting(): number | null;
  /** Copies of own records still to be brought to other miners, or to be taken back there; null: nobody does. */
  copiesWaiting(): Promise<number | null>;
  requestsAtOnce(): number;
}

const INGEST_BUCKETS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500];
const QUERY_BUCKETS_MS = [1, 5, 10, 25, 50, 100, 250, 500];
const OUTCOMES = ["ok", "error", "rate_limited", "auth_error", "low_stake"] as const;

/** The miner's Prometheus metrics, under the reference's names where it has them (spec 8.16). */
export class MinerMetrics extends MetricSet {
  readonly #ingests = this.counter("engram_ingest_total", "Ingests by outcome", ["status"], OUTCOMES);
  readonly #queries = this.counter("engram_query_total", "Queries by outcome", ["status"], OUTCOMES);
  readonly #proofs = this.counter("engram_proof_total", "Storage challenges by outcome", ["result"], OUTCOMES);
  readonly #requests = this.counter("engram_http_requests_total", "Requests by route and status", ["route", "status"]);
  readonly #ingestTimes = this.histogram("engram_ingest_duration_ms", "Time of an ingest in ms", INGEST_BUCKETS_MS);
  readonly #queryTimes = this.histogram(
    "engram_query_duration_ms",
    "Time of a query in ms, unpadded",
    QUERY_BUCKETS_MS,
  );

  constructor(readings: MetricReadings) {
    super();
    this.reading("engram_vectors_stored", "Records held", () => readings.vectors());
    this.reading("engram_peers_online", "Other neurons that serve an endpoint", () => readings.peers());
    this.reading("engram_proof_success_rate", "Challenges answered, of those answered or failed here", () =>
      readings.proofRate(),
    );
    this.reading("engram_score", "Mean of the neurons' positive incentives", () => readings.score());
    this.reading("engram_store_waiting", "Store calls that wait, writes for their fsync among them", () =>
      readings.storeWaiting(),
    );
    this.reading("engram_copies_waiting", "Copies of own records still to be settled with other miners", () =>
      readings.copiesWaiting(),
    );
    this.reading("engram_requests_at_once", "Requests that are being worked on", () => readings.requestsAtOnce());
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
function outcome({ status, error }: Reply): (typeof OUTCOMES)[number] {
  if (status === 401) return "auth_error";
  if (status === 429) return "rate_limited";
  if (error?.includes("stake")) return "low_stake";
  return status >= 400 || error !== undefined ? "error" : "ok";
}
