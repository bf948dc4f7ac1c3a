import type { WeightsSubmission } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/**
 * `sending`: written down before the chain is asked, so that nothing set is ever forgotten. `waiting`: in a block.
 * `counts`: read back from a finalized block. `lost`: never will be.
 */
type SubmissionState = "sending" | "waiting" | "counts" | "lost";

/** Weights that went to the chain, or may have. */
export interface KeptSubmission {
  readonly id: number;
  /** The newest round that is in them. */
  readonly roundId: number;
  /** False: set from own scores although the quorum was refused. */
  readonly agreed: boolean;
  readonly submission: WeightsSubmission;
  readonly state: SubmissionState;
  /** Whether the block that included them is final. */
  readonly included: boolean;
  /** Unix milliseconds. */
  readonly at: number;
}

interface Row {
  readonly id: number;
  readonly round_id: number;
  readonly agreed: number;
  readonly submission: string;
  readonly state: SubmissionState;
  readonly included: number;
  readonly at: number;
}

const KEPT = 200;

export function weightsOperations(database: SqliteDatabase) {
  const add = database.prepare(
    `INSERT INTO weights_submission (round_id, agreed, submission, state, included, at)
     VALUES (@roundId, @agreed, @submission, 'sending', 0, @now)`,
  );
  const drop = database.prepare("DELETE FROM weights_submission WHERE id = ? AND state = 'sending'");
  const prune = database.prepare(
    `DELETE FROM weights_submission WHERE id NOT IN (SELECT id FROM weights_submission ORDER BY id DESC LIMIT ${KEPT})`,
  );
  const sent = database.prepare(
    "UPDATE weights_submission SET submission = @submission, state = 'waiting' WHERE id = @id AND state = 'sending'",
  );
  const move = database.prepare("UPDATE weights_submission SET state = @state, included = @included WHERE id = @id");
  const open = database.prepare<[], Row>(
    "SELECT * FROM weights_submission WHERE state IN ('sending', 'waiting') ORDER BY id",
  );
  const newest = database.prepare<[number], Row>("SELECT * FROM weights_submission ORDER BY id DESC LIMIT ?");
  const covered = database
    .prepare<[], number | null>("SELECT max(round_id) FROM weights_submission WHERE state <> 'lost'")
    .pluck();
  const shown = {
    reveal: database
      .prepare<[], number | null>("SELECT max(round_id) FROM weights_submission WHERE state = 'counts'")
      .pluck(),
    set: database
      .prepare<[], number | null>(
        "SELECT max(round_id) FROM weights_submission WHERE state = 'counts' OR (state = 'waiting' AND included = 1)",
      )
      .pluck(),
  };
  const note = database.prepare<[string], number>("SELECT value FROM note WHERE name = ?").pluck();
  const setNote = database.prepare("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)");
  const dropNote = database.prepare("DELETE FROM note WHERE name = ?");

  return {
    reads: {
      openSubmissions: (_: null): readonly KeptSubmission[] => open.all().map(submissionOf),
      submissions: ({ limit }: { readonly limit: number }): readonly KeptSubmission[] =>
        newest.all(limit).map(submissionOf),
      /** The newest round whose weights are on the chain or may be; -1 before the first. */
      coveredRound: (_: null): number => covered.get() ?? -1,
      /** The newest round whose weights were read back, or with `set` are in a final block; -1 before the first. */
      shownRound: ({ after }: { readonly after: "reveal" | "set" }): number => shown[after].get() ?? -1,
      /** Since which block weights are held back; null when they are not. */
      heldBackSince: (_: null): number | null => note.get("held_back_since") ?? null,
    },
    writes: {
      /** Returns the row's id. */
      sending: (input: {
        readonly roundId: number;
        readonly agreed: boolean;
        readonly submission: WeightsSubmission;
        readonly now: number;
      }): number => {
        const { agreed, submission, ...rest } = input;
        const { lastInsertRowid } = add.run({
          ...rest,
          agreed: agreed ? 1 : 0,
          submission: submissionText(submission),
        });
        prune.run();
        return Number(lastInsertRowid);
      },
      sent: ({ id, submission }: { readonly id: number; readonly submission: WeightsSubmission }): void => {
        sent.run({ id, submission: submissionText(submission) });
        dropNote.run("held_back_since");
      },
      notSent: ({ id }: { readonly id: number }): void => {
        drop.run(id);
      },
      submissionState: (input: Pick<KeptSubmission, "id" | "state" | "included">): void => {
        move.run({ ...input, included: input.included ? 1 : 0 });
      },
      holdBack: ({ since }: { readonly since: number }): void => {
        setNote.run("held_back_since", since);
      },
    },
  };
}

function submissionText(submission: WeightsSubmission): string {
  return JSON.stringify({ ...submission, row: [...submission.row] });
}

function submissionOf(row: Row): KeptSubmission {
  const { id, round_id: roundId, submission, state, at } = row;
  const parsed = JSON.parse(submission) as Omit<WeightsSubmission, "row"> & {
    readonly row: readonly (readonly [number, number])[];
  };
  return {
    ...{ id, roundId, state, at, agreed: row.agreed === 1, included: row.included === 1 },
    submission: { ...parsed, row: new Map(parsed.row) },
  };
}
