import type { Hotkey } from "../../crypto/ss58.ts";
import type { NamedStatement, SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { Assurance, OutputType, SchemaVersion } from "../payload/types.ts";
import type { SettledPayment } from "../payment/payment-types.ts";
import type { QuorumSignature, Receipt } from "../receipt.ts";
import type { Checked } from "./gateway-operations.ts";
import type { StoredSubmission, SubmissionState } from "./submission.ts";

/** A row of the table `submission`. */
export interface StoredRow {
  readonly signed_hash: string;
  readonly assurance: Assurance;
  readonly state: SubmissionState;
  readonly schema_version: SchemaVersion;
  readonly output_type: OutputType;
  readonly output_hash: string;
  readonly netuid: number;
  readonly block: number;
  readonly round_id: number;
  readonly nonce: string;
  readonly hotkey: Hotkey | null;
  readonly signatures: string;
  readonly late_signatures: string;
  readonly have: number | null;
  readonly need: number | null;
  readonly stake_ppm: number | null;
  readonly anchored: number;
  readonly wire: string | null;
  readonly content: string | null;
  readonly created: number;
  readonly updated: number;
  readonly seq: number | null;
  readonly receipt: string | null;
}

export interface FeedQuery {
  /** Items behind this number, oldest first; null for the newest ones, also oldest first. */
  readonly after: number | null;
  readonly limit: number;
  readonly assurances: readonly Assurance[];
  /** Empty for all. */
  readonly types: readonly OutputType[];
  /** Unix milliseconds of acceptance; null for any. */
  readonly sinceMs: number | null;
}

/** Receipts behind a number, in their order. */
export interface ReceiptQuery {
  readonly after: number;
  readonly limit: number;
}

/** A submission that was paid for and never stored. */
interface PaidButOpen {
  readonly row: StoredRow;
  readonly payment: SettledPayment;
}

interface PaidRow extends StoredRow, Pick<SettledPayment, "payer" | "asset" | "network" | "transaction"> {
  readonly amount: number;
  readonly bound: number;
}

const HELD = "state IN ('settling', 'accepted')";
const KEY = "signed_hash = @signedHash AND assurance = @assurance";
/** A payment `p` that no receipt names: one that does has bought what it can buy. */
const UNUSED = `NOT EXISTS (SELECT 1 FROM submission a WHERE a.signed_hash = p.signed_hash
  AND a.receipt IS NOT NULL AND json_extract(a.receipt, '$.payment.transaction') = p.tx)`;

interface SubmissionStatements {
  readonly one: NamedStatement<StoredRow>;
  readonly all: NamedStatement<StoredRow>;
  readonly receipts: { all(query: ReceiptQuery): { readonly receipt: string }[] };
  readonly last: { get(): { readonly seq: number; readonly receipt: string } | undefined };
  readonly sameNonce: NamedStatement<Pick<StoredRow, "state">>;
  readonly sameRound: NamedStatement<Pick<StoredRow, "state" | "signed_hash">>;
  readonly newestRound: NamedStatement<number>;
  readonly noteRound: NamedStatement;
  readonly raise: NamedStatement;
  readonly openOf: NamedStatement<number>;
  readonly open: { all(): { readonly state: string; readonly count: number }[] };
  readonly accept: NamedStatement;
  readonly unreserve: NamedStatement;
  readonly dropReserved: NamedStatement;
  readonly expire: NamedStatement;
  readonly dropBodies: NamedStatement;
  readonly put: (checked: Checked, state: SubmissionState) => void;
  readonly feed: (query: FeedQuery) => readonly StoredRow[];
  readonly paidButOpen: () => readonly PaidButOpen[];
}

export function submissionStatements(database: SqliteDatabase): SubmissionStatements {
  const put = database.prepare<object>(
    `INSERT INTO submission (signed_hash, assurance, state, schema_version, output_type, output_hash, netuid, block,
       round_id, nonce, hotkey, signatures, have, need, stake_ppm, anchored, wire, content, created, updated)
     VALUES (@signedHash, @assurance, @state, @schemaVersion, @outputType, @outputHash, @netuid, @block,
       @roundId, @nonce, @hotkey, @signatures, @have, @need, @stake_ppm, @anchored, @wire, @content, @now, @now)
     ON CONFLICT (signed_hash, assurance) DO UPDATE SET
       state = @state, signatures = @signatures, have = @have, need = @need, stake_ppm = @stake_ppm,
       anchored = @anchored, wire = @wire, updated = @now
     WHERE state <> 'accepted'`,
  );
  // Nested, so that "newest, oldest first" and "next ones" are one statement each.
  const matching = `seq IS NOT NULL AND wire IS NOT NULL AND assurance IN (SELECT value FROM json_each(@assurances))
    AND (@types = '[]' OR output_type IN (SELECT value FROM json_each(@types)))
    AND (@sinceMs IS NULL OR updated >= @sinceMs)`;
  const newest = database.prepare<object, StoredRow>(
    `SELECT * FROM (SELECT * FROM submission WHERE ${matching} ORDER BY seq DESC LIMIT @limit) ORDER BY seq`,
  );
  const next = database.prepare<object, StoredRow>(
    `SELECT * FROM submission WHERE ${matching} AND seq > @after ORDER BY seq LIMIT @limit`,
  );
  const paid = database.prepare<[], PaidRow>(
    // One row a submission, however many paid for it: the other columns are those of the first payment.
    `SELECT s.*, p.network, p.asset, p.payer, p.amount, p.bound, p.tx AS "transaction", min(p.created)
     FROM submission s JOIN payment p ON p.signed_hash = s.signed_hash AND p.state = 'settled'
     WHERE s.state = 'settling' AND ${UNUSED} GROUP BY s.signed_hash, s.assurance ORDER BY s.updated LIMIT 100`,
  );

  return {
    one: database.prepare<object, StoredRow>(`SELECT * FROM submission WHERE ${KEY}`),
    all: database.prepare<object, StoredRow>("SELECT * FROM submission WHERE signed_hash = @signedHash"),
    receipts: database.prepare<ReceiptQuery, { readonly receipt: string }>(
      "SELECT receipt FROM submission WHERE seq > @after ORDER BY seq LIMIT @limit",
    ),
    last: database.prepare<[], { readonly seq: number; readonly receipt: string }>(
      "SELECT seq, receipt FROM submission WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1",
    ),
    sameNonce: database.prepare<object, Pick<StoredRow, "state">>(
      `SELECT state FROM submission
       WHERE hotkey = @hotkey AND nonce = @nonce AND signed_hash <> @signedHash AND ${HELD} ORDER BY state LIMIT 1`,
    ),
    sameRound: database.prepare<object, Pick<StoredRow, "state" | "signed_hash">>(
      `SELECT state, signed_hash FROM submission
       WHERE output_type = 'ranking' AND netuid = @netuid AND round_id = @roundId AND signed_hash <> @signedHash
         AND ${HELD} ORDER BY state LIMIT 1`,
    ),
    newestRound: database.prepare<object, number>("SELECT round_id FROM newest_round WHERE hotkey = @hotkey").pluck(),
    noteRound: database.prepare<object>(
      `INSERT INTO newest_round (hotkey, round_id)
       SELECT hotkey, round_id FROM submission WHERE ${KEY} AND hotkey IS NOT NULL
       ON CONFLICT (hotkey) DO UPDATE SET round_id = max(round_id, excluded.round_id)`,
    ),
    raise: database.prepare<object>(
      `UPDATE submission SET late_signatures = @late, have = @have, need = @need, stake_ppm = @stake_ppm
       WHERE signed_hash = @signedHash AND assurance = 'quorum' AND state = 'accepted'`,
    ),
    openOf: database
      .prepare<object, number>("SELECT count(*) FROM submission WHERE hotkey = @hotkey AND state <> 'accepted'")
      .pluck(),
    open: database.prepare<[], { readonly state: string; readonly count: number }>(
      "SELECT state, count(*) AS count FROM submission WHERE state <> 'accepted' GROUP BY state",
    ),
    accept: database.prepare<object>(
      `UPDATE submission SET state = 'accepted', seq = @seq, receipt = @receipt, updated = @now
       WHERE ${KEY} AND state = 'settling'`,
    ),
    unreserve: database.prepare<object>(
      `UPDATE submission SET state = 'payment_due', updated = @now WHERE ${KEY} AND state = 'settling'`,
    ),
    dropReserved: database.prepare<object>(`DELETE FROM submission WHERE ${KEY} AND state = 'settling'`),
    expire: database.prepare<object>(
      `DELETE FROM submission WHERE state <> 'accepted' AND updated < @before AND NOT EXISTS (
         SELECT 1 FROM payment p
         WHERE p.signed_hash = submission.signed_hash AND submission.state = 'settling' AND ${UNUSED})`,
    ),
    dropBodies: database.prepare<object>(
      `UPDATE submission SET wire = NULL, content = NULL
       WHERE rowid IN (SELECT rowid FROM submission
         WHERE updated < @before AND wire IS NOT NULL AND seq IS NOT NULL LIMIT 500)`,
    ),
    put: ({ submission, votes, anchored, now }: Checked, state: SubmissionState): void => {
      const { signatures, nonceUid: _, blockHash: __, ...values } = submission;
      const counted = votes ?? { have: null, need: null, stake_ppm: null };
      const texts = { signatures: JSON.stringify(signatures), state };
      put.run({ ...values, ...texts, ...counted, anchored: anchored ? 1 : 0, now });
    },
    feed: ({ after, limit, assurances, types, sinceMs }: FeedQuery): readonly StoredRow[] => {
      const values = { limit, assurances: JSON.stringify(assurances), types: JSON.stringify(types), sinceMs };
      return after === null ? newest.all(values) : next.all({ ...values, after });
    },
    paidButOpen: (): readonly PaidButOpen[] =>
      paid.all().map((row) => {
        const { payer, amount, asset, network, transaction, bound } = row;
        return { row, payment: { payer, amount: `${amount}`, asset, network, transaction, bound: bound === 1 } };
      }),
  };
}

export function toStored(row: StoredRow): StoredSubmission {
  return {
    signedHash: row.signed_hash,
    assurance: row.assurance,
    state: row.state,
    outputType: row.output_type,
    outputHash: row.output_hash,
    netuid: row.netuid,
    block: row.block,
    hotkey: row.hotkey,
    signatures: JSON.parse(row.signatures) as readonly QuorumSignature[],
    lateSignatures: JSON.parse(row.late_signatures) as readonly QuorumSignature[],
    votes:
      row.have === null || row.need === null ? null : { have: row.have, need: row.need, stake_ppm: row.stake_ppm ?? 0 },
    anchored: row.anchored === 1,
    wire: row.wire,
    content: row.content,
    receivedAt: row.created,
    receipt: row.receipt === null ? null : (JSON.parse(row.receipt) as Receipt),
  };
}
