import { CHOSEN, dashboard, percentiles, values } from "./panels.ts";
import { chainSection, processSection } from "./process.ts";

export const validator = dashboard("validator", "Engram / Validator", "engram_validator_last_round", [
  {
    title: "Rounds",
    graphs: [
      {
        title: "Rounds by verdict",
        unit: "short",
        about: "An hour. alone: too few others speak; refused: they disagree; unheard: no miner answered.",
        lines: [[`sum by (verdict) (increase(engram_validator_rounds_total{${CHOSEN}}[1h]))`, "{{verdict}}"]],
      },
      {
        title: "Voices",
        unit: "short",
        about: "Of the last round: validators that speak, and that agree.",
        lines: values("engram_validator_voices", "kind"),
      },
      {
        title: "Last round",
        unit: "short",
        about: "A line that stays level is a validator that does nothing.",
        lines: values("engram_validator_last_round"),
      },
      {
        title: "Measuring",
        unit: "s",
        about: "What the last round's measuring took. A round has ten minutes.",
        lines: values("engram_validator_measuring_seconds"),
      },
      {
        title: "Equivocations",
        unit: "short",
        about: "Validators that signed two things of one round, in a day. engram weights --evidence shows them.",
        lines: [[`increase(engram_validator_equivocations_total{${CHOSEN}}[1d])`, "{{instance}}"]],
      },
    ],
  },
  {
    title: "Weights",
    graphs: [
      {
        title: "Weights by state",
        unit: "short",
        about: "An hour. counts: read back from a final block.",
        lines: [[`sum by (state) (increase(engram_validator_weights_total{${CHOSEN}}[1h]))`, "{{state}}"]],
      },
      {
        title: "Age of the weights that count",
        unit: "s",
        about: "Since they were last read back. More than two epochs is too long.",
        lines: [[`time() - (engram_validator_weights_last_counted_seconds{${CHOSEN}} > 0)`, "{{instance}}"]],
      },
      {
        title: "Consensus",
        unit: "short",
        about: "1 while weights wait for a quorum, and own weights that were set in a day because none came.",
        lines: [
          [`engram_validator_weights_held_back{${CHOSEN}}`, "{{instance}} held back"],
          [`increase(engram_validator_own_weights_total{${CHOSEN}}[1d])`, "{{instance}} own"],
        ],
      },
    ],
  },
  {
    title: "Miners",
    graphs: [
      {
        title: "Miners",
        unit: "short",
        about: "In the last round that was measured.",
        lines: values("engram_validator_miners", "state"),
      },
      {
        title: "Challenges",
        unit: "short",
        about: "That count, an hour, by outcome.",
        lines: [[`sum by (result) (increase(engram_validator_challenges_total{${CHOSEN}}[1h]))`, "{{result}}"]],
      },
      {
        title: "Miners' answer times",
        unit: "s",
        about: "Their mean in a round, over all miners.",
        lines: percentiles("engram_validator_miner_latency_seconds"),
      },
      {
        title: "Scores",
        unit: "short",
        about: "Moving averages after the last round: the lowest, the median and the highest.",
        lines: values("engram_validator_miner_score", "quantile"),
      },
    ],
  },
  {
    title: "Replication",
    graphs: [
      {
        title: "Records by health",
        unit: "short",
        about: "Confirmed copies: healthy three or more, degraded two, critical one, lost none.",
        lines: values("engram_validator_records", "health"),
      },
      {
        title: "Copies restored",
        unit: "short",
        about: "An hour: brought to miners and proved there.",
        lines: [[`increase(engram_validator_copies_restored_total{${CHOSEN}}[1h])`, "{{instance}}"]],
      },
    ],
  },
  chainSection,
  processSection,
]);
