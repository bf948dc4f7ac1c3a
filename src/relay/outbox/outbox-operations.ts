import { randomUUID } from "node:crypto";
import { leaseOperations } from "../../node/client/store/lease-operations.ts";
import type { BlockRef } from "../../node/ports.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import { type JournalAnswer, type JournalEntry, journalOperations } from "../cosign/journal-operations.ts";
import { vouchOperations } from "../cosign/vouch-journal.ts";
import type { Cosignature } from "../payload/types.ts";
import type { Receipt } from "../receipt.ts";
import { alertOperations } from "./alert-operations.ts";
import { submissionOf } from "./outbox-rows.ts";
import type { Draft, Submission, SubmissionState } from "./outbox-types.ts";
import { MAX_ATTEMPTS, retryDelayMs } from "./retry.ts";
import { successionOperations } from "./succession-operations.ts";

/** How an attempt without an end left a submission. */
export interface Postponement {
  readonly job: string;
  readonly state: SubmissionState;
  readonly nextAt: number;
  readonly code: string | null;
  readonly http: number | null;
}

/** A submission without its texts: when it reached which step, and the size of what is sent, null once it is forgotten. */
export interface Course
  extends Pick<
    Submission,
    | ("job" | "state" | "outputType" | "block" | "attempts" | "lastError")
    | ("createdAt" | "releasedAt" | "firstSubmitAt" | "httpAckAt" | "endedAt")
  > {
  readonly bytes: number | null;
}

interface Pending extends Postponement {
  readonly now: number;
}

interface Ended {
  readonly job: string;
  readonly state: "parked" | "orphaned" | "skipped";
  readonly code: string;
  readonly http: number | null;
  readonly now: number;
}

/** Everything a worker turns to; the other states are ends. */
const OPEN = "'held', 'ready', 'cosigning', 'anchoring', 'submitting'";
const REPLAYABLE = "'parked', 'abandoned'";
/** Ends that nobody comes back to. */
const FORGETTABLE = "'delivered', 'orphaned', 'skipped', 'dropped'";

/** What the outbox's worker thread does, on a database with `outboxMigrations`. */
export function createOutboxOperations(database: SqliteDatabase) {
  const journal = journalOperations(database);
  const vouched = vouchOperations(database);
  const alerts = alertOperations(database);
  const leases = leaseOperations(database);
  const successions = successionOperations(database);
  const byTopic = database.prepare<[string], { job: string }>("SELECT job FROM submission WHERE topic = ?");
  const byJob = database.prepare("SELECT * FROM submission WHERE job = ? OR signed_hash = ?");
  const cosigners = database.prepare<[string], Cosignature>(
    "SELECT validator_hotkey, signature FROM cosignature WHERE job = ? ORDER BY validator_hotkey",
  );
  const due = database.prepare<[{ readonly now: number; readonly limit: number }], { readonly job: string }>(
    `SELECT job FROM submission WHERE state IN (${OPEN}) AND next_at <= @now ORDER BY next_at, created_at LIMIT @limit`,
  );
  const listed = database.prepare(
    "SELECT * FROM submission WHERE @state IS NULL OR state = @state ORDER BY created_at DESC, rowid DESC LIMIT @limit",
  );
  // The length alone: of a text SQLite would read all of it.
  const courses = database.prepare<[{ readonly state: SubmissionState | null; readonly limit: number }], Course>(
    `SELECT job, state, output_type AS outputType, block, attempts, last_error AS lastError, created_at AS createdAt,
       released_at AS releasedAt, first_submit_at AS firstSubmitAt, http_ack_at AS httpAckAt, ended_at AS endedAt,
       octet_length(body) AS bytes
     FROM submission WHERE @state IS NULL OR state = @state ORDER BY created_at DESC, rowid DESC LIMIT @limit`,
  );
  const insert = database.prepare(
    `INSERT INTO submission (job, topic, chain, schema_version, output_type, output_json, output_hash, assurance,
       netuid, block, block_hash, round_id, state, next_at, created_at, payer, traceparent)
     VALUES (@job, @topic, @chain, @schemaVersion, @outputType, @outputJson, @outputHash, @assurance,
       @netuid, @block, @blockHash, @roundId, 'held', @now, @now, @payer, @traceparent)`,
  );
  const release = database.prepare(
    `UPDATE submission SET state = 'ready', nonce = @nonce, signed_hash = @signedHash, body = @body,
       block = @block, block_hash = @blockHash, round_id = @roundId,
       released_at = @now, next_at = @now, last_error = NULL WHERE job = @job AND state = 'held'`,
  );
  const cosign = database.prepare("INSERT OR IGNORE INTO cosignature VALUES (@job, @validator_hotkey, @signature)");
  const postpone = database.prepare(
    `UPDATE submission SET state = @state, next_at = @nextAt, last_error = @code, last_http_code = @http
     WHERE job = @job AND state IN (${OPEN})`,
  );
  const setAnchor = database.prepare(
    `UPDATE submission SET anchor_block = @number, anchor_hash = @hash, anchor_sent_at = @sentAt WHERE job = @job`,
  );
  const counted = database.prepare(
    "UPDATE submission SET polls = polls + 1, http_ack_at = coalesce(http_ack_at, @now) WHERE job = @job",
  );
  const delay = database.prepare(
    `UPDATE submission SET next_at = @nextAt, last_error = @code WHERE job = @job AND state IN (${OPEN})`,
  );
  const begin = database.prepare(
    "UPDATE submission SET first_submit_at = coalesce(first_submit_at, @now) WHERE job = @job",
  );
  const fail = database.prepare(
    `UPDATE submission SET attempts = @attempts, state = @state, next_at = @nextAt, last_error = @code,
       last_http_code = @http, ended_at = @endedAt WHERE job = @job AND state IN (${OPEN})`,
  );
  const deliver = database.prepare(
    // A receipt counts, whatever a person did meanwhile.
    `UPDATE submission SET state = 'delivered', receipt_json = @receipt, ended_at = @now, last_http_code = @http,
       http_ack_at = coalesce(http_ack_at, @now), last_error = NULL WHERE job = @job AND state <> 'delivered'`,
  );
  const end = database.prepare(
    `UPDATE submission SET state = @state, ended_at = @now, last_error = @code, last_http_code = @http,
       accept_new_terms = 0 WHERE job = @job AND state IN (${OPEN})`,
  );
  const freeTopic = database.prepare("UPDATE submission SET topic = NULL WHERE job = ? AND state = 'orphaned'");
  const replay = database.prepare(
    `UPDATE submission SET state = CASE WHEN body IS NULL THEN 'held'
       WHEN last_error LIKE 'anchor%' THEN 'anchoring' ELSE 'submitting' END, attempts = 0, polls = 0,
       first_submit_at = NULL, next_at = @now, ended_at = NULL, accept_new_terms = 1 WHERE job = @job AND state IN (${REPLAYABLE})`,
  );
  // Never sent below its quorum, so that nobody else has it: it is signed anew, at a block whose voters are known.
  const unsign = database.prepare(
    `UPDATE submission SET state = 'held', nonce = NULL, signed_hash = NULL, body = NULL, attempts = 0, polls = 0,
       released_at = NULL, next_at = @now, ended_at = NULL, accept_new_terms = 1
     WHERE job = @job AND state = 'parked' AND output_type = 'memory' AND first_submit_at IS NULL
       AND last_error IN ('no_quorum', 'quorum_refused')`,
  );
  const forgetCosigners = database.prepare("DELETE FROM cosignature WHERE job = ?");
  const drop = database.prepare(
    `UPDATE submission SET state = 'dropped', ended_at = @now, last_error = 'by_operator'
     WHERE job = @job AND state IN (${OPEN}, ${REPLAYABLE})`,
  );
  const forgetRankings = database.prepare(
    `DELETE FROM submission WHERE output_type = 'ranking' AND ended_at < @before AND state IN (${FORGETTABLE})`,
  );
  const thin = database.prepare(
    `UPDATE submission SET output_json = '{}', body = NULL
     WHERE ended_at < @before AND state IN (${FORGETTABLE}) AND output_json <> '{}'`,
  );
  const unacknowledged = database
    .prepare<[{ readonly before: number }], number>(
      `SELECT count(*) FROM submission WHERE state IN (${OPEN}) AND first_submit_at < @before`,
    )
    .pluck();
  const waitingSince = database
    .prepare<[], number | null>(`SELECT min(created_at) FROM submission WHERE state IN (${OPEN})`)
    .pluck();
  const count = database.prepare(
    "INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
  );
  const counters = database.prepare<[], { name: string; value: number }>("SELECT name, value FROM counter");
  const states = database.prepare<[], { state: SubmissionState; count: number }>(
    "SELECT state, count(*) AS count FROM submission GROUP BY state",
  );
  const pendingDead = database
    .prepare<[], number>(`SELECT count(*) FROM submission WHERE state IN (${OPEN}) AND attempts > 0`)
    .pluck();
  const lastOk = database.prepare<[], { output_hash: string; ended_at: number }>(
    "SELECT output_hash, ended_at FROM submission WHERE state = 'delivered' ORDER BY ended_at DESC, rowid DESC LIMIT 1",
  );

  const complete = (row: unknown) => submissionOf(row, cosigners.all((row as { job: string }).job));
  /** Without those that cannot be read: one such row must not hide the others. */
  const readable = (rows: readonly unknown[]): readonly Submission[] =>
    rows.flatMap((row) => {
      try {
        return [complete(row)];
      } catch {
        return [];
      }
    });
  const find = ({ id }: { readonly id: string }): Submission | null => {
    const row = byJob.get(id, id);
    return row === undefined ? null : complete(row);
  };

  return {
    reads: {
      ...journal.reads,
      ...vouched.reads,
      ...alerts.reads,
      ...successions.reads,
      /** Sent before `before`, and neither accepted nor refused since. */
      unacknowledged: (input: { readonly before: number }): number => unacknowledged.get(input) ?? 0,
      /** When the oldest submission was queued that is neither delivered nor given up; null: there is none. */
      waitingSince: (_: null): number | null => waitingSince.get() ?? null,
      find,
      /** The submission that stands where a draft of this topic would be queued. */
      findTopic: (topic: Topic): Submission | null => {
        const found = byTopic.get(topicOf(topic));
        return found ? find({ id: found.job }) : null;
      },
      /** Names alone: an entry that cannot be read must not keep the others from being. */
      due: (input: { readonly now: number; readonly limit: number }) => due.all(input),
      /** Newest first, however many: no text is read. */
      courses: (input: { readonly state: SubmissionState | null; readonly limit: number }): readonly Course[] =>
        courses.all(input),
      list: (input: { readonly state: SubmissionState | null; readonly limit: number }) => readable(listed.all(input)),
      summary: () => ({
        states: states.all(),
        counters: counters.all(),
        dlqPending: pendingDead.get() ?? 0,
        lastOk: lastOk.get() ?? null,
      }),
    },
    writes: {
      ...journal.writes,
      ...vouched.writes,
      ...alerts.writes,
      ...successions.writes,
      ...leases.writes,
      /** Queues a draft; of one topic the submission that is there stands. */
      enqueue: ({ draft, now }: { readonly draft: Draft; readonly now: number }) => {
        const topic = topicOf(draft);
        const found = byTopic.get(topic);
        if (found) return { job: found.job, created: false };
        const job = `r_${randomUUID()}`;
        insert.run({ payer: null, traceparent: null, ...draft, job, topic, now });
        return { job, created: true };
      },
      /** Signed: the bytes are kept from here on. Otherwise why this hotkey may not sign it, and nothing was kept. */
      release: (input: {
        readonly job: string;
        readonly nonce: string;
        readonly signedHash: string;
        readonly body: string;
        /** The block that was signed: of a memory that validators vouch for, the newest final one. */
        readonly block: number;
        readonly blockHash: string;
        readonly roundId: number;
        readonly journal: JournalEntry | null;
        readonly now: number;
      }): JournalAnswer["kind"] => {
        const { journal: entry, ...released } = input;
        const { kind } = entry
          ? journal.writes.recordSigning({ ...entry, now: input.now })
          : { kind: "recorded" as const };
        if (kind === "recorded") release.run(released);
        return kind;
      },
      addCosignatures: ({ job, found }: { readonly job: string; readonly found: readonly Cosignature[] }): void => {
        for (const { validator_hotkey, signature } of found) cosign.run({ job, validator_hotkey, signature });
      },
      postpone: (input: Postponement): void => {
        postpone.run(input);
      },
      /** Written down before the anchor is sent and once the chain shows it, so that a restart looks before it writes. */
      setAnchor: (input: {
        readonly job: string;
        readonly anchor: BlockRef | null;
        readonly sentAt: number | null;
      }): void => {
        const { job, anchor, sentAt } = input;
        setAnchor.run({ job, sentAt, number: anchor?.number ?? null, hash: anchor?.hash ?? null });
      },
      beginAttempt: (input: { readonly job: string; readonly now: number }): void => {
        begin.run(input);
      },
      /** The receiver waits for something: no failure. */
      pending: (input: Pending): void => {
        postpone.run(input);
        counted.run(input);
      },
      /** As `postpone`, for an entry that may not even be readable. */
      delay: (input: { readonly job: string; readonly code: string; readonly nextAt: number }): void => {
        delay.run(input);
      },
      /** Counts a failed attempt and says what became of the submission (spec 11.6). */
      failAttempt: (input: {
        readonly job: string;
        readonly code: string;
        readonly http: number | null;
        readonly retryAfterMs: number;
        /** In [0, 1): where in its spread the wait lies; absent: in the middle. */
        readonly draw?: number | undefined;
        readonly now: number;
      }): "submitting" | "abandoned" => {
        const { job, code, http, retryAfterMs, draw, now } = input;
        const attempts = (find({ id: job })?.attempts ?? 0) + 1;
        // The first attempt is none of the ten: the dead letter begins with its failure.
        const over = attempts > MAX_ATTEMPTS;
        const delay = retryDelayMs(attempts - 1, retryAfterMs, draw);
        const state = over ? "abandoned" : "submitting";
        fail.run({ job, attempts, state, code, http, nextAt: now + delay, endedAt: over ? now : null });
        count.run("failed_attempts");
        return state;
      },
      deliver: (input: {
        readonly job: string;
        readonly receipt: Receipt;
        readonly http: number;
        readonly now: number;
      }): void => {
        deliver.run({ ...input, receipt: JSON.stringify(input.receipt) });
      },
      end: (input: Ended): void => {
        end.run(input);
        // What is measured again on the chain that stands is another submission.
        if (input.state === "orphaned") freeTopic.run(input.job);
      },
      /** A person's word: tries again what was parked or abandoned. */
      replay: (input: { readonly job: string; readonly now: number }): boolean => {
        if (unsign.run(input).changes === 0) return replay.run(input).changes === 1;
        forgetCosigners.run(input.job);
        return true;
      },
      /** A person's word: it is given up for good, and shown as that. */
      drop: (input: { readonly job: string; readonly now: number }): boolean => drop.run(input).changes === 1,
      /**
       * Forgets what ended before: rankings wholly, since their round is over; of the others the texts, so that the same
       * output is still known and not paid for twice, and its receipt stays.
       */
      forgetEnded: (input: { readonly before: number }): number =>
        forgetRankings.run(input).changes + thin.run(input).changes,
      countDryRun: (): void => {
        count.run("dry_runs");
      },
    },
  };
}

type Topic = Pick<Draft, "chain" | "netuid" | "outputType" | "outputHash" | "subject" | "roundId" | "assurance">;

function topicOf({ chain, netuid, outputType, outputHash, subject = outputHash, roundId, assurance }: Topic): string {
  // What validators are to vouch for is another submission than what its author alone signed.
  const raised = outputType === "memory" && assurance === "quorum" ? ["quorum"] : [];
  return [chain, netuid, outputType, outputType === "ranking" ? roundId : subject, ...raised].join("|");
}

export type OutboxOperations = ReturnType<typeof createOutboxOperations>;
