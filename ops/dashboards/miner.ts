import { CHOSEN, dashboard, percentiles, rates, values } from "./panels.ts";
import { chainSection, processSection } from "./process.ts";

export const miner = dashboard("miner", "Engram / Miner", "engram_vectors_stored", [
  {
    title: "Records",
    graphs: [
      {
        title: "Ingests",
        unit: "ops",
        about: "By outcome. low_stake: a registered hotkey that has staked too little.",
        lines: rates("engram_ingest_total", "status"),
      },
      {
        title: "Queries",
        unit: "ops",
        about: "By outcome.",
        lines: rates("engram_query_total", "status"),
      },
      {
        title: "Ingest time",
        unit: "ms",
        about: "Whole requests, with their fsync.",
        lines: percentiles("engram_ingest_duration_ms"),
      },
      {
        title: "Query time",
        unit: "ms",
        about: "Without the padding of private queries.",
        lines: percentiles("engram_query_duration_ms"),
      },
      {
        title: "Records held",
        unit: "short",
        about: "Of all namespaces.",
        lines: values("engram_vectors_stored"),
      },
      {
        title: "Durability queue",
        unit: "short",
        about: "Calls to the store that wait for their answer: a write's comes after its fsync.",
        lines: values("engram_store_waiting"),
      },
    ],
  },
  {
    title: "Standing",
    graphs: [
      {
        title: "Storage challenges",
        unit: "ops",
        about: "By outcome.",
        lines: rates("engram_proof_total", "result"),
      },
      {
        title: "Proof rate",
        unit: "percentunit",
        about: "Challenges answered, of those that were due an answer.",
        lines: values("engram_proof_success_rate"),
      },
      {
        title: "Mean incentive",
        unit: "short",
        about: "Of all neurons that have one; where nobody has, the own proof rate.",
        lines: values("engram_score"),
      },
      {
        title: "Others",
        unit: "short",
        about: "Neurons that serve, and copies of own public records still to be brought to them.",
        lines: [
          [`engram_peers_online{${CHOSEN}}`, "{{instance}} neurons"],
          [`engram_copies_waiting{${CHOSEN}}`, "{{instance}} copies waiting"],
        ],
      },
    ],
  },
  {
    title: "Requests",
    graphs: [
      {
        title: "Requests by route",
        unit: "ops",
        about: "All statuses.",
        lines: rates("engram_http_requests_total", "route"),
      },
      {
        title: "Requests by status",
        unit: "ops",
        about: "429 and 503 mean that limits are reached.",
        lines: rates("engram_http_requests_total", "status"),
      },
      {
        title: "Requests at once",
        unit: "short",
        about: "That are being worked on.",
        lines: values("engram_requests_at_once"),
      },
    ],
  },
  chainSection,
  processSection,
]);
