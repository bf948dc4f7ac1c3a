import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import { type CommonOptions, dataCommand, positiveInteger, run } from "../../node/commands/kit.ts";
import { columns, print } from "../../node/commands/output.ts";
import { homeFolder, readEnvironment } from "../../node/runtime/config.ts";
import type { Equivocation } from "../cosign/journal-operations.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { SUBMISSION_STATES, type Submission, type SubmissionState } from "../outbox/outbox-types.ts";
import type { RelayStatus } from "../status.ts";

interface ListOptions extends CommonOptions {
  readonly limit: number;
  readonly state?: SubmissionState;
}

/** What the command shows of a submission: its own text stays in the outbox. */
type ShownSubmission = Pick<
  Submission,
  "job" | "state" | "outputType" | "block" | "roundId" | "signedHash" | "attempts" | "lastError" | "lastHttpCode"
> & { readonly createdAt: string; readonly cosignatures: number; readonly receipt: number | null };

/** All that is known of one but its text. */
interface DetailedSubmission extends ShownSubmission {
  readonly assurance: string;
  readonly outputHash: string;
  readonly polls: number;
  /** The final block as of which the chain shows it. */
  readonly anchorBlock: number | null;
  readonly nextAttempt: string | null;
  readonly signed: string | null;
  readonly firstSent: string | null;
  readonly acknowledged: string | null;
  readonly ended: string | null;
  readonly acceptedByReceiver: string | null;
  readonly cosigners: readonly string[];
}

/** `engram relay status|list|show|evidence|replay|park|drop`: what is on its way to the gateway, and what got stuck. */
export function relayCommand(): Command {
  const command = dataCommand("relay", "show what is relayed, and send again what got stuck");
  command.addCommand(
    dataCommand("status", "count submissions by state").action((options: CommonOptions) =>
      run(options, async () => print(options.json === true, await readStatus(options), describeStatus)),
    ),
  );
  command.addCommand(
    dataCommand("list", "list submissions, newest first")
      .option("--limit <count>", "how many", positiveInteger, 20)
      .option("--state <state>", `only those in one state: ${SUBMISSION_STATES.join(", ")}`)
      .action((options: ListOptions) =>
        run(options, async () => print(options.json === true, await readList(options), describeList)),
      ),
  );
  command.addCommand(
    dataCommand("replay", "send a parked or abandoned submission again, on the gateway's present terms")
      .argument("<job>", "the job, or its signed hash")
      .action((job: string, options: CommonOptions) =>
        run(options, async () =>
          print(options.json === true, await replay(job, options), ({ job: id }) => `${id} is queued again.`),
        ),
      ),
  );
  command.addCommand(
    dataCommand("show", "show one submission: states, times, co-signatures, receipt")
      .argument("<job>", "the job, or its signed hash")
      .action((job: string, options: CommonOptions) =>
        run(options, async () => print(options.json === true, await show(job, options), describeOne)),
      ),
  );
  command.addCommand(
    dataCommand("evidence", "list validators that signed two payloads of one round, with both")
      .option("--limit <count>", "how many", positiveInteger, 20)
      .action((options: ListOptions) =>
        run(options, async () => print(options.json === true, await readEvidence(options), describeEvidence)),
      ),
  );
  command.addCommand(
    dataCommand("park", "hold a submission that is on its way, until it is replayed")
      .argument("<job>", "the job, or its signed hash")
      .action((job: string, options: CommonOptions) =>
        run(options, async () =>
          print(options.json === true, await park(job, options), ({ job: id }) => `${id} is parked.`),
        ),
      ),
  );
  command.addCommand(
    dataCommand("drop", "give a submission up for good; what the gateway accepted already stays accepted")
      .argument("<job>", "the job, or its signed hash")
      .action((job: string, options: CommonOptions) =>
        run(options, async () =>
          print(options.json === true, await drop(job, options), ({ job: id }) => `${id} is dropped.`),
        ),
      ),
  );
  return command;
}

async function withOutbox<T>({ home }: CommonOptions, work: (outbox: Outbox) => Promise<T>): Promise<T> {
  const { openOutbox } = await import("../outbox/outbox.ts");
  await using outbox = openOutbox(homeFolder(readEnvironment(), home));
  return await work(outbox);
}

async function readStatus(options: CommonOptions): Promise<RelayStatus> {
  const { relayStatus } = await import("../status.ts");
  return await withOutbox(options, relayStatus);
}

async function readList(options: ListOptions): Promise<{ readonly submissions: readonly ShownSubmission[] }> {
  const { state } = options;
  if (state !== undefined && !SUBMISSION_STATES.includes(state)) {
    throw new EngramError("STATE_UNKNOWN", "there is no such state", {
      fix: `name one of ${SUBMISSION_STATES.join(", ")}`,
    });
  }
  const found = await withOutbox(options, (outbox) =>
    outbox.call("list", { state: state ?? null, limit: Math.min(options.limit, 1_000) }),
  );
  return { submissions: found.map(shown) };
}

async function replay(id: string, options: CommonOptions): Promise<{ readonly job: string }> {
  const { replaySubmission } = await import("../outbox/replay-submission.ts");
  return { job: await withOutbox(options, (outbox) => replaySubmission(outbox, id, Date.now())) };
}

async function show(id: string, options: CommonOptions): Promise<DetailedSubmission> {
  const found = await withOutbox(options, (outbox) => outbox.call("find", { id }));
  if (!found) throw unknownJob();
  const { assurance, outputHash, nextAt, releasedAt, firstSubmitAt, httpAckAt, endedAt, polls, receipt } = found;
  return {
    ...shown(found),
    ...{ assurance, outputHash, polls },
    anchorBlock: found.anchor?.number ?? null,
    nextAttempt: endedAt === null ? new Date(nextAt).toISOString() : null,
    signed: isoOrNull(releasedAt),
    firstSent: isoOrNull(firstSubmitAt),
    acknowledged: isoOrNull(httpAckAt),
    ended: isoOrNull(endedAt),
    cosigners: found.cosignatures.map(({ validator_hotkey }) => validator_hotkey),
    acceptedByReceiver: isoOrNull(receipt?.accepted_at_ms ?? null),
  };
}

async function readEvidence(options: ListOptions): Promise<{ readonly evidence: readonly Equivocation[] }> {
  const limit = Math.min(options.limit, 1_000);
  return { evidence: await withOutbox(options, (outbox) => outbox.call("equivocations", { limit })) };
}

async function park(id: string, options: CommonOptions): Promise<{ readonly job: string }> {
  return await withOutbox(options, async (outbox) => {
    const found = await outbox.call("find", { id });
    if (!found) throw unknownJob();
    if (found.endedAt === null) {
      const parked = { job: found.job, state: "parked", code: "by_operator", http: null, now: Date.now() } as const;
      await outbox.call("end", parked);
      return { job: found.job };
    }
    throw new EngramError("RELAY_ENDED", `this submission is ${found.state}: it is not on its way`, {
      fix: "engram relay list shows what is",
    });
  });
}

async function drop(id: string, options: CommonOptions): Promise<{ readonly job: string }> {
  return await withOutbox(options, async (outbox) => {
    // What cannot be read can still be given up, by its job.
    const found = await outbox.call("find", { id }).catch(() => null);
    const job = found?.job ?? id;
    if (await outbox.call("drop", { job, now: Date.now() })) return { job };
    throw found ? notOpen(found.state) : unknownJob();
  });
}

function notOpen(state: SubmissionState): EngramError {
  return new EngramError("RELAY_ENDED", `this submission is ${state} already`, {
    fix: "engram relay list shows what can be dropped",
  });
}

function unknownJob(): EngramError {
  return new EngramError("RELAY_UNKNOWN", "no submission has this job or signed hash", {
    fix: "engram relay list shows them",
  });
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function describeOne(one: DetailedSubmission): string {
  return columns(
    Object.entries(one)
      .map(([name, value]) => [name, name === "lastError" ? whyOf(one) || null : value] as const)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : String(value)]),
  );
}

function describeEvidence({ evidence }: { readonly evidence: readonly Equivocation[] }): string {
  if (evidence.length === 0) return "No validator was seen with two payloads of one round.";
  const rows = evidence.map(({ roundId, proposer, payloads }) => [
    String(roundId),
    proposer,
    payloads.map(({ signedHash }) => signedHash.slice(0, 12)).join(" "),
  ]);
  return columns([["round", "proposer", "signed hashes"], ...rows]);
}

function shown(submission: Submission): ShownSubmission {
  const { job, state, outputType, block, roundId, signedHash, attempts, lastError, lastHttpCode } = submission;
  return {
    ...{ job, state, outputType, block, roundId, signedHash, attempts, lastError, lastHttpCode },
    createdAt: new Date(submission.createdAt).toISOString(),
    cosignatures: submission.cosignatures.length,
    receipt: submission.receipt?.gateway_seq ?? null,
  };
}

function describeStatus(status: RelayStatus): string {
  const counts = SUBMISSION_STATES.map((state) => [state, String(status.states[state])]);
  const last = status.last_ok_at === null ? "never" : new Date(status.last_ok_at).toISOString();
  const rest = [
    ["failed attempts", String(status.failed_attempts)],
    ["failures in a row", String(status.consecutive_failures)],
    ["dry runs", String(status.dry_runs)],
    ["last delivered", last],
  ];
  return columns([...counts, ...rest]);
}

/** `waiting: anchor`, or the code of what went wrong. */
function whyOf({ state, lastError }: ShownSubmission): string {
  if (state !== "anchoring") return lastError ?? "";
  return lastError?.startsWith("anchor_") ? `waiting: anchor (${lastError})` : "waiting: anchor";
}

function describeList({ submissions }: { readonly submissions: readonly ShownSubmission[] }): string {
  if (submissions.length === 0) return "Nothing was relayed yet.";
  const rows = submissions.map((one) => [
    one.job,
    one.state,
    one.outputType,
    String(one.block),
    String(one.attempts),
    whyOf(one),
  ]);
  return columns([["job", "state", "type", "block", "failed", "why"], ...rows]);
}
