import { CHOSEN, dashboard, values } from "./panels.ts";

export const network = dashboard("network", "Engram / Network", 'up{job=~"engram.*"}', [
  {
    title: "Nodes",
    graphs: [
      {
        title: "Processes that answer",
        unit: "short",
        about: "Of those that this Prometheus scrapes.",
        lines: [[`sum by (job) (up{job=~"engram.*",${CHOSEN}})`, "{{job}}"]],
      },
      {
        title: "Miners",
        unit: "short",
        about: "As the validators measured them in their last round: answering, silent, slashed.",
        lines: [[`max by (state) (engram_validator_miners{${CHOSEN}})`, "{{state}}"]],
      },
      {
        title: "Records held",
        unit: "short",
        about: "By the own miners, copies counted each.",
        lines: values("engram_vectors_stored"),
      },
      {
        title: "Chain",
        unit: "short",
        about: "Blocks between the head and the newest final one.",
        lines: [[`engram_chain_head_block{${CHOSEN}} - engram_chain_finalized_block{${CHOSEN}}`, "{{instance}}"]],
      },
    ],
  },
  {
    title: "Replication and proofs",
    graphs: [
      {
        title: "Records by health",
        unit: "short",
        about:
          "As each validator counts confirmed copies: healthy three or more, degraded two, critical one, lost none.",
        lines: values("engram_validator_records", "health"),
      },
      {
        title: "Challenges passed",
        unit: "percentunit",
        about: "Of all challenges that count, over an hour.",
        lines: [
          [
            `sum by (instance) (increase(engram_validator_challenges_total{${CHOSEN},result="passed"}[1h])) / ` +
              `sum by (instance) (increase(engram_validator_challenges_total{${CHOSEN}}[1h]))`,
            "{{instance}}",
          ],
        ],
      },
      {
        title: "Proof rate of the own miners",
        unit: "percentunit",
        about: "Challenges answered, of those that were due an answer.",
        lines: values("engram_proof_success_rate"),
      },
      {
        title: "Scores",
        unit: "short",
        about: "Moving averages of all miners: the lowest, the median and the highest.",
        lines: [[`avg by (quantile) (engram_validator_miner_score{${CHOSEN}})`, "{{quantile}}"]],
      },
    ],
  },
  {
    title: "From round to receipt",
    graphs: [
      {
        title: "Rounds by verdict",
        unit: "short",
        about: "An hour, over all validators.",
        lines: [[`sum by (verdict) (increase(engram_validator_rounds_total{${CHOSEN}}[1h]))`, "{{verdict}}"]],
      },
      {
        title: "Relayed and accepted",
        unit: "short",
        about: "An hour: delivered by the relays, accepted by the gateways.",
        lines: [
          [`sum(increase(engram_relay_submissions_total{${CHOSEN},result="ok"}[1h]))`, "delivered"],
          [`sum(increase(engram_gateway_submissions_total{${CHOSEN},outcome="accepted"}[1h]))`, "accepted"],
        ],
      },
    ],
  },
]);
