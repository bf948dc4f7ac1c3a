import type { Hotkey } from "../../../../crypto/ss58.ts";
import { isSubnetObject, type SubnetObject } from "../../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../../crypto/subnet-json-reader.ts";
import type { SqliteDatabase } from "../../../runtime/sqlite.ts";
import { bytesOf, floatsOf } from "../../store/vector-bytes.ts";
import { type HealthCounts, healthOf } from "../replica-health.ts";

/** A record that is looked after. */
export interface TrackedRecord {
  readonly cid: string;
  /** Where this validator has it itself; metadata as JSON text. */
  readonly content: { readonly embedding: Float32Array; readonly metadata: string } | null;
  /** Unix milliseconds. */
  readonly expiresAt: number | null;
}

/** A copy that was confirmed at some time, or that is worth asking for. */
export interface KnownCopy {
  readonly miner: Hotkey;
  /** Unix milliseconds; null when it failed the last challenge. */
  readonly confirmedAt: number | null;
}

export interface DueRecord {
  readonly cid: string;
  readonly content: { readonly embedding: Float32Array; readonly metadata: SubnetObject } | null;
  readonly expiresAt: number | null;
  /** Looks in a row that left copies missing. */
  readonly attempts: number;
  readonly copies: readonly KnownCopy[];
}

interface RecordRow {
  readonly cid: string;
  readonly embedding: Uint8Array | null;
  readonly metadata: string | null;
  readonly expires_at: number | null;
  readonly attempts: number;
}

/** As many as the reference keeps in mind (spec 2.2). */
const MAX_TRACKED = 100_000;

/** What a replication store's worker does, on a database with `replicationMigrations`. */
export function createReplicationOperations(database: SqliteDatabase) {
  const tracked = database.prepare<[], number>("SELECT count(*) FROM record").pluck();
  // What was known by its CID alone may come with its content later.
  const track = database.prepare(
    `INSERT INTO record (cid, embedding, metadata, expires_at, next_at) VALUES (@cid, @embedding, @metadata, @expiresAt, @now)
     ON CONFLICT (cid) DO UPDATE SET embedding = @embedding, metadata = @metadata
     WHERE embedding IS NULL AND @embedding IS NOT NULL`,
  );
  const isTracked = database.prepare<[string], number>("SELECT 1 FROM record WHERE cid = ?").pluck();
  const due = database.prepare<[number, number, number, number], RecordRow>(
    `SELECT record.cid, embedding, metadata, expires_at, attempts FROM record
     WHERE next_at <= ? AND (expires_at IS NULL OR expires_at > ?)
     ORDER BY (SELECT count(*) FROM copy WHERE copy.cid = record.cid AND confirmed_at > ?), next_at, record.cid LIMIT ?`,
  );
  const copies = database.prepare<[string], { miner: Hotkey; confirmed_at: number | null }>(
    "SELECT miner, confirmed_at FROM copy WHERE cid = ? ORDER BY confirmed_at, miner",
  );
  const confirm = database.prepare(
    `INSERT INTO copy (cid, miner, confirmed_at) VALUES (@cid, @miner, @at)
     ON CONFLICT DO UPDATE SET confirmed_at = max(ifnull(confirmed_at, 0), @at)`,
  );
  const forget = database.prepare("DELETE FROM copy WHERE cid = @cid AND miner = @miner AND confirmed_at IS NULL");
  const doubt = database.prepare("UPDATE copy SET confirmed_at = NULL WHERE cid = @cid AND miner = @miner");
  const miners = database.prepare<[], Hotkey>("SELECT DISTINCT miner FROM copy").pluck();
  const cidsOf = database.prepare<[string], string>("SELECT cid FROM copy WHERE miner = ?").pluck();
  const leave = database.prepare("DELETE FROM copy WHERE miner = ?");
  const plan = database.prepare("UPDATE record SET next_at = @nextAt, attempts = @attempts WHERE cid = @cid");
  const hurry = database.prepare("UPDATE record SET next_at = min(next_at, ?) WHERE cid = ?");
  const expire = database.prepare("DELETE FROM record WHERE expires_at <= ?");
  const counts = database.prepare<[number], { copies: number; records: number }>(
    `SELECT copies, count(*) AS records FROM
     (SELECT (SELECT count(*) FROM copy WHERE copy.cid = record.cid AND confirmed_at > ?) AS copies FROM record)
     GROUP BY copies`,
  );

  return {
    reads: {
      /** Records to look at now, those with the fewest copies confirmed after `confirmedAfter` first. */
      due: (input: {
        readonly now: number;
        readonly confirmedAfter: number;
        readonly outlive: number;
        readonly limit: number;
      }): readonly DueRecord[] =>
        due
          .all(input.now, input.outlive, input.confirmedAfter, input.limit)
          .map((row) => dueOf(row, copies.all(row.cid).map(copyOf))),
      copies: ({ cid }: { readonly cid: string }): readonly KnownCopy[] => copies.all(cid).map(copyOf),
      health: ({ confirmedAfter }: { readonly confirmedAfter: number }): HealthCounts => {
        const found = { healthy: 0, degraded: 0, critical: 0, lost: 0 };
        for (const row of counts.all(confirmedAfter)) found[healthOf(row.copies)] += row.records;
        return found;
      },
    },
    writes: {
      /** Looks after these from now on; beyond `MAX_TRACKED` in all the rest is left out. Returns how many are looked after. */
      track: ({ records, now }: { readonly records: readonly TrackedRecord[]; readonly now: number }): number => {
        let count = tracked.get() ?? 0;
        for (const { cid, content, expiresAt } of records) {
          const isNew = isTracked.get(cid) === undefined;
          if (isNew && count >= MAX_TRACKED) continue;
          const embedding = content === null ? null : bytesOf(content.embedding);
          track.run({ cid, embedding, metadata: content?.metadata ?? null, expiresAt, now });
          if (isNew) count += 1;
        }
        return count;
      },
      /** What challenges showed. A copy that fails a second time is no copy; of records nobody tracks nothing is kept. */
      noteCopies: (input: {
        readonly copies: readonly { readonly cid: string; readonly miner: Hotkey; readonly isHeld: boolean }[];
        readonly at: number;
      }): void => {
        for (const { isHeld, ...copy } of input.copies) {
          if (isTracked.get(copy.cid) === undefined) continue;
          if (isHeld) confirm.run({ ...copy, at: input.at });
          else if (forget.run(copy).changes === 0 && doubt.run(copy).changes > 0) hurry.run(input.at, copy.cid);
        }
      },
      /** Drops the copies of miners that are none any more, all at once (V-W29, V-W30). Returns the CIDs that lost one. */
      depart: ({ present, now }: { readonly present: readonly Hotkey[]; readonly now: number }): readonly string[] => {
        const still = new Set(present);
        const gone = miners.all().filter((miner) => !still.has(miner));
        const cids = new Set(gone.flatMap((miner) => cidsOf.all(miner)));
        for (const miner of gone) leave.run(miner);
        for (const cid of cids) hurry.run(now, cid);
        return [...cids];
      },
      /** When the record is looked at next. */
      plan: (input: { readonly cid: string; readonly nextAt: number; readonly attempts: number }): void => {
        plan.run(input);
      },
      expire: ({ now }: { readonly now: number }): void => {
        expire.run(now);
      },
    },
  };
}

export type ReplicationOperations = ReturnType<typeof createReplicationOperations>;

function dueOf({ cid, embedding, metadata, expires_at, attempts }: RecordRow, copies: readonly KnownCopy[]): DueRecord {
  const content =
    embedding === null || metadata === null ? null : { embedding: floatsOf(embedding), metadata: objectOf(metadata) };
  return { cid, content, expiresAt: expires_at, attempts, copies };
}

function copyOf({ miner, confirmed_at }: { readonly miner: Hotkey; readonly confirmed_at: number | null }): KnownCopy {
  return { miner, confirmedAt: confirmed_at };
}

function objectOf(text: string): SubnetObject {
  const value = readSubnetJson(text);
  return isSubnetObject(value) ? value : new Map();
}
