import type { ClientStatus } from "../../node/client/memory.ts";
import type { BudgetState } from "../../relay/payment/buyer-types.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { counted } from "./format.ts";

/** Something a person may want to do something about, worst first in the list. */
export interface Attention {
  readonly kind: "bad" | "warn" | "note";
  readonly what: string;
  readonly fix: string;
  /** The page that shows more of it. */
  readonly path?: string;
}

/** A relay of this home, as it is now. */
export interface RelayNow {
  readonly name: string;
  readonly status: RelayStatus;
  readonly budget: BudgetState;
}

const SEVERITY = { bad: 0, warn: 1, note: 2 } as const;
/** As the relay's own alert counts. */
const ALARMING_FAILURES = 3;

/** What is not as it should be; nothing of a home in order. */
export function needsAttention(status: ClientStatus, relays: readonly RelayNow[]): readonly Attention[] {
  const found = [...aboutMemories(status), ...relays.flatMap(aboutRelay)];
  return found.sort((one, other) => SEVERITY[one.kind] - SEVERITY[other.kind]);
}

function aboutMemories(status: ClientStatus): readonly Attention[] {
  const { memories, backup, replicas, journal, miners, otherModelVectors, audit } = status;
  const silent = miners.filter(({ reachable }) => !reachable).length;
  const found: (Attention | false)[] = [
    memories > 0 &&
      backup === "never made" && {
        kind: "warn",
        what: "The wallet's twelve words were never written down: without them a lost disk is lost memories.",
        fix: "Run engram wallet backup in a terminal.",
      },
    silent > 0 && {
      kind: "warn",
      what: `${counted(silent, "miner")} of ${miners.length} cannot be reached.`,
      fix: "Copies wait for them; engram miners says what each answered.",
      path: "/network",
    },
    journal.failed > 0 && {
      kind: "warn",
      what: `${counted(journal.failed, "copy or delete was", "copies or deletes were")} refused for good.`,
      fix: "The memory's page shows which miner refused.",
      path: "/memories",
    },
    audit !== undefined &&
      audit.overdue > 0 && {
        kind: "note",
        what: `${counted(audit.overdue, "copy was", "copies were")} not proved for 30 days.`,
        fix: "Run engram verify --all.",
      },
    otherModelVectors > 0 && {
      kind: "note",
      what: `${counted(otherModelVectors, "part has a vector", "parts have vectors")} of another model and are found by words alone.`,
      fix: "Run engram reindex.",
    },
    memories > 0 &&
      replicas.possible === 0 && {
        kind: "note",
        what: "Memories lie on this machine alone.",
        fix: "Start a subnet with engram up, or name miners in ENGRAM_MINERS.",
        path: "/network",
      },
  ];
  return found.filter((one) => one !== false);
}

function aboutRelay({ name, status, budget }: RelayNow): readonly Attention[] {
  const path = `/relay?of=${name}`;
  const owed = status.total_failed;
  const found: (Attention | false)[] = [
    status.consecutive_failures >= ALARMING_FAILURES && {
      kind: "bad",
      what: `The relay of ${name} failed ${status.consecutive_failures} times in a row.`,
      fix: "Its page shows the error; attempts go on by themselves.",
      path,
    },
    owed > 0 && {
      kind: "warn",
      what: `${counted(owed, "submission")} of ${name} ${owed === 1 ? "was" : "were"} refused or given up.`,
      fix: "Look at why, then send again.",
      path,
    },
    budget.limit > 0 &&
      budget.left === 0 && {
        kind: "note",
        what: `Today's budget of ${name} is used up.`,
        fix: "It goes on tomorrow (UTC).",
        path: "/payments",
      },
  ];
  return found.filter((one) => one !== false);
}
