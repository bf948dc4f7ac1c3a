import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "../node/runtime/config.ts";
import { ReleaseStack } from "../node/runtime/release-stack.ts";
import { openOutbox } from "./outbox/outbox.ts";
import type { Course } from "./outbox/outbox-operations.ts";
import type { Submission, SubmissionState } from "./outbox/outbox-types.ts";
import { replaySubmission } from "./outbox/replay-submission.ts";
import type { BudgetState, LedgerEntry } from "./payment/buyer-types.ts";
import { budgetOf, dayOf, openLedger } from "./payment/ledger.ts";
import { BUDGET_VARIABLE } from "./payment/limit-variables.ts";
import { parseMicroDollars } from "./payment/micro-dollars.ts";
import { type RelayStatus, relayStatus } from "./status.ts";

/** What a folder has relayed and paid, read beside its relay: neither chain, keys nor payment code are loaded. */
export interface RelayBooks extends AsyncDisposable {
  /** By job or signed hash. */
  find(id: string): Promise<Submission | null>;
  /** Newest first. */
  latest(limit: number): Promise<readonly Submission[]>;
  /** Newest first, without their texts; of one state where it is named. */
  courses(limit: number, state?: SubmissionState): Promise<readonly Course[]>;
  /** As `replaySubmission`. */
  replay(id: string): Promise<string>;
  status(): Promise<RelayStatus>;
  budget(): Promise<BudgetState>;
  /** Newest first. */
  payments(limit: number): Promise<readonly LedgerEntry[]>;
}

/** Undefined where nothing was ever queued: then nothing is made either. Errors: `AMOUNT_INVALID`. */
export async function openRelayBooks(
  folder: string,
  environment: Environment,
  now: () => number,
): Promise<RelayBooks | undefined> {
  if (!(await isThere(join(folder, "relay.sqlite")))) return undefined;
  const limit = parseMicroDollars(environment[BUDGET_VARIABLE] ?? "0", "down");
  const stack = new ReleaseStack();
  const outbox = stack.use(openOutbox(folder));
  let opened: ReturnType<typeof openLedger> | undefined;
  const ledger = async () => {
    if (opened || (await isThere(join(folder, "payments.sqlite")))) opened ??= stack.use(openLedger(folder));
    return opened;
  };
  return {
    find: (id) => outbox.call("find", { id }),
    latest: (count) => outbox.call("list", { state: null, limit: count }),
    courses: (count, state) => outbox.call("courses", { state: state ?? null, limit: count }),
    replay: (id) => replaySubmission(outbox, id, now()),
    status: () => relayStatus(outbox),
    budget: async () => {
      const kept = await ledger();
      if (kept) return await budgetOf(kept, limit, now());
      return { day: dayOf(now()), limit, reserved: 0, spent: 0, left: limit };
    },
    payments: async (count) => (await ledger())?.call("ledger", { limit: count }) ?? [],
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
