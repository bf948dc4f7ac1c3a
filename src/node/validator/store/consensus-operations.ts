import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** Texts are those of the wire, as `consensus/round-messages.ts` writes and reads them. */
/** @public The declarations of the package name it. */
export interface PeerCommit {
  readonly roundId: number;
  readonly validator: string;
  readonly hash: string;
  readonly text: string;
}

/** Two signed commits of one validator in one round. */
export interface Equivocation {
  readonly roundId: number;
  readonly validator: string;
  readonly first: string;
  readonly second: string;
  readonly at: number;
}

/** What a round has heard so far. */
export interface HeardRound {
  /** `late`: it came when this validator's scores were out already. */
  readonly commits: readonly { readonly validator: string; readonly text: string; readonly late: boolean }[];
  readonly openings: readonly { readonly validator: string; readonly text: string }[];
  /** Validators that said two things: they have no voice in it. */
  readonly equivocated: readonly string[];
}

/** Evidence is kept for a person to look at; so much of it, the oldest goes. */
const KEPT_EVIDENCE = 1_000;

/** What other validators said of rounds. What one said first stays (V-W24). */
export function consensusOperations(database: SqliteDatabase) {
  const commit = database.prepare<[number, string], { hash: string; text: string }>(
    "SELECT hash, text FROM peer_commit WHERE round_id = ? AND validator = ?",
  );
  const addCommit = database.prepare(
    `INSERT INTO peer_commit (round_id, validator, hash, text, late) VALUES (@roundId, @validator, @hash, @text,
       EXISTS (SELECT 1 FROM round WHERE round_id = @roundId AND opened_at IS NOT NULL))`,
  );
  const commits = database.prepare<[number], { validator: string; text: string; late: number }>(
    "SELECT validator, text, late FROM peer_commit WHERE round_id = ? ORDER BY validator",
  );
  const addOpening = database.prepare(
    "INSERT OR IGNORE INTO peer_opening (round_id, validator, text) VALUES (?, ?, ?)",
  );
  const openings = database.prepare<[number], { validator: string; text: string }>(
    "SELECT validator, text FROM peer_opening WHERE round_id = ? ORDER BY validator",
  );
  const addEvidence = database.prepare(
    "INSERT OR IGNORE INTO equivocation (round_id, validator, first, second, at) VALUES (?, ?, ?, ?, ?)",
  );
  const dropEvidence = database.prepare(
    `DELETE FROM equivocation WHERE rowid NOT IN (SELECT rowid FROM equivocation ORDER BY rowid DESC LIMIT ${KEPT_EVIDENCE})`,
  );
  const equivocated = database
    .prepare<[number], string>("SELECT validator FROM equivocation WHERE round_id = ?")
    .pluck();
  const evidence = database.prepare<[number], Equivocation>(
    "SELECT round_id AS roundId, validator, first, second, at FROM equivocation ORDER BY rowid DESC LIMIT ?",
  );
  const open = database.prepare("UPDATE round SET opened_at = ? WHERE round_id = ? AND opened_at IS NULL");
  const drops = ["peer_commit", "peer_opening"].map((table) =>
    database.prepare<[number]>(`DELETE FROM ${table} WHERE round_id < ?`),
  );

  return {
    reads: {
      heard: ({ roundId }: { readonly roundId: number }): HeardRound => ({
        commits: commits.all(roundId).map((row) => ({ ...row, late: row.late === 1 })),
        openings: openings.all(roundId),
        equivocated: equivocated.all(roundId),
      }),
      equivocations: ({ limit }: { readonly limit: number }): readonly Equivocation[] => evidence.all(limit),
    },
    writes: {
      /**
       * `known`: only a commit that differs from the one kept is looked at, none is added. `again`: the evidence is there
       * already, and nothing more is written.
       */
      keepCommit: (
        input: PeerCommit & { readonly now: number; readonly known?: boolean },
      ): "new" | "known" | "equivocated" | "again" => {
        const { roundId, validator, hash, text, now, known = false } = input;
        const kept = commit.get(roundId, validator);
        if (kept === undefined) {
          if (!known) addCommit.run({ roundId, validator, hash, text });
          return known ? "known" : "new";
        }
        if (kept.hash === hash) return "known";
        if (addEvidence.run(roundId, validator, kept.text, text, now).changes === 0) return "again";
        dropEvidence.run();
        return "equivocated";
      },
      /** Only what the validator's own commit hid is kept. */
      keepOpening: (input: PeerCommit): "new" | "known" | "no_commit" | "differs" => {
        const kept = commit.get(input.roundId, input.validator);
        if (kept === undefined) return "no_commit";
        if (kept.hash !== input.hash) return "differs";
        return addOpening.run(input.roundId, input.validator, input.text).changes === 1 ? "new" : "known";
      },
      /** From here on this validator's scores may be known: commits that come later are late. */
      opened: ({ roundId, now }: { readonly roundId: number; readonly now: number }): void => {
        open.run(now, roundId);
      },
    },
    dropBefore: (roundId: number): void => {
      for (const drop of drops) drop.run(roundId);
    },
  };
}
