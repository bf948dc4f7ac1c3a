import type { Hotkey } from "../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";

/** A hotkey's one signature of a round. */
export interface JournalKey {
  readonly chain: string;
  readonly hotkey: Hotkey;
  readonly netuid: number;
  readonly roundId: number;
}

export interface JournalEntry extends JournalKey {
  readonly signedHash: string;
  readonly proposer: Hotkey;
}

/**
 * `taken`: another payload of the round was signed. `skipped`: its proposer, or another of the round, was seen with two
 * payloads. `expired`: the round is so old that its entry may be gone. `signature` is null until it was stored.
 */
export type JournalAnswer =
  | { readonly kind: "recorded"; readonly signature: string | null }
  | { readonly kind: "taken"; readonly signedHash: string }
  | { readonly kind: "skipped" | "expired" };

/** What a proposer asked to be signed. */
export interface SeenProposal extends JournalEntry {
  /** The payload's compact text. */
  readonly body: string;
  readonly now: number;
}

/** Whether a proposal may be looked at. `skipped`: two payloads of one proposer are known for this round. */
export type ProposalAnswer = "first" | "again" | "skipped" | "excluded";

/** A proposer's two payloads of one round, each signed by it. */
export interface Equivocation {
  readonly chain: string;
  readonly netuid: number;
  readonly roundId: number;
  readonly proposer: Hotkey;
  readonly payloads: readonly { readonly signedHash: string; readonly body: string; readonly at: number }[];
}

/** Rounds the journal remembers; older ones are never signed (the gateway's window, guide 4.6). */
export const WINDOW_ROUNDS = 1_024;
/** For so long nothing is signed for who sent two payloads of one round: a day on the real chain. */
const EXCLUDED_ROUNDS = 144;
/** Proposals that prove nothing are kept for so long, so that a late second one is noticed. */
const SEEN_ROUNDS = 16;

/**
 * One payload per round, ever (spec 14.2): the entry is on disk before the key signs, so neither a crash nor a second
 * process can make it sign two.
 */
export function journalOperations(database: SqliteDatabase) {
  const at = "chain = @chain AND hotkey = @hotkey AND netuid = @netuid";
  const find = database.prepare<[JournalKey], { signed_hash: string; signature: string | null }>(
    `SELECT signed_hash, signature FROM sign_journal WHERE ${at} AND round_id = @roundId`,
  );
  const newest = database
    .prepare<[JournalKey], number | null>(`SELECT max(round_id) FROM sign_journal WHERE ${at}`)
    .pluck();
  const insert = database.prepare(
    `INSERT INTO sign_journal (chain, hotkey, netuid, round_id, signed_hash, proposer, at)
     VALUES (@chain, @hotkey, @netuid, @roundId, @signedHash, @proposer, @now)`,
  );
  const store = database.prepare(
    `UPDATE sign_journal SET signature = @signature
     WHERE ${at} AND round_id = @roundId AND signed_hash = @signedHash AND signature IS NULL`,
  );
  const see = database.prepare(
    `INSERT OR IGNORE INTO proposal (chain, hotkey, netuid, round_id, proposer, signed_hash, body, at)
     VALUES (@chain, @hotkey, @netuid, @roundId, @proposer, @signedHash, @body, @now)`,
  );
  const seen = database
    .prepare<[JournalEntry], string>(
      `SELECT signed_hash FROM proposal WHERE ${at} AND round_id = @roundId AND proposer = @proposer`,
    )
    .pluck();
  const doubled = `SELECT chain, hotkey, netuid, round_id, proposer FROM proposal
     GROUP BY chain, hotkey, netuid, round_id, proposer HAVING count(*) > 1`;
  const isSkipped = database.prepare(
    `SELECT 1 FROM proposal WHERE ${at} AND round_id = @roundId GROUP BY proposer HAVING count(*) > 1 LIMIT 1`,
  );
  const isExcluded = database.prepare(
    `SELECT 1 FROM proposal WHERE ${at} AND proposer = @proposer
       AND round_id BETWEEN @roundId - ${EXCLUDED_ROUNDS} AND @roundId + ${EXCLUDED_ROUNDS}
     GROUP BY round_id HAVING count(*) > 1 LIMIT 1`,
  );
  const equivocations = database.prepare<[{ limit: number }], EvidenceRow>(
    `SELECT p.chain, p.netuid, p.round_id, p.proposer, p.signed_hash, p.body, p.at
     FROM proposal p JOIN (${doubled} ORDER BY round_id DESC LIMIT @limit) d
       USING (chain, hotkey, netuid, round_id, proposer) ORDER BY p.round_id DESC, p.proposer, p.at`,
  );
  const forgetJournal = database.prepare(
    `DELETE FROM sign_journal WHERE round_id < (SELECT max(round_id) - ${WINDOW_ROUNDS} FROM sign_journal j
       WHERE j.chain = sign_journal.chain AND j.hotkey = sign_journal.hotkey AND j.netuid = sign_journal.netuid)`,
  );
  const forgetSeen = database.prepare(
    `DELETE FROM proposal WHERE round_id < (SELECT max(round_id) - ${SEEN_ROUNDS} FROM proposal p
       WHERE p.chain = proposal.chain AND p.hotkey = proposal.hotkey AND p.netuid = proposal.netuid)
     AND (chain, hotkey, netuid, round_id, proposer) NOT IN (${doubled})`,
  );

  const record = (entry: JournalEntry & { readonly now: number }): JournalAnswer => {
    // Known before a signature is asked for again: what is skipped gets none, stored or not.
    if (isSkipped.get(entry) !== undefined) return { kind: "skipped" };
    const found = find.get(entry);
    if (found && found.signed_hash !== entry.signedHash) return { kind: "taken", signedHash: found.signed_hash };
    if (found) return { kind: "recorded", signature: found.signature };
    if (entry.roundId < (newest.get(entry) ?? 0) - WINDOW_ROUNDS) return { kind: "expired" };
    insert.run(entry);
    return { kind: "recorded", signature: null };
  };

  return {
    reads: {
      /** The signed hash of what was signed in the round; null so far. */
      signedInRound: (key: JournalKey): string | null => find.get(key)?.signed_hash ?? null,
      equivocations: (input: { readonly limit: number }): readonly Equivocation[] => grouped(equivocations.all(input)),
    },
    writes: {
      recordSigning: record,
      /** Keeps what was proposed, and of one proposer's second payload of a round as much as proves it. */
      recordProposal: (proposal: SeenProposal): ProposalAnswer => {
        const earlier = seen.all(proposal);
        if (!earlier.includes(proposal.signedHash) && earlier.length < 2) see.run(proposal);
        if (isSkipped.get(proposal) !== undefined) return "skipped";
        if (isExcluded.get(proposal) !== undefined) return "excluded";
        return earlier.length === 0 ? "first" : "again";
      },
      /** Returns the signature that stands: that of whoever stored one first. */
      storeSignature: (input: JournalEntry & { readonly signature: string }): string => {
        store.run(input);
        return find.get(input)?.signature ?? input.signature;
      },
      forgetOldRounds: (): void => {
        forgetJournal.run();
        forgetSeen.run();
      },
    },
  };
}

interface EvidenceRow {
  readonly chain: string;
  readonly netuid: number;
  readonly round_id: number;
  readonly proposer: Hotkey;
  readonly signed_hash: string;
  readonly body: string;
  readonly at: number;
}

function grouped(rows: readonly EvidenceRow[]): readonly Equivocation[] {
  const rounds = Map.groupBy(rows, ({ chain, netuid, round_id, proposer }) =>
    [chain, netuid, round_id, proposer].join("|"),
  );
  return [...rounds.values()].flatMap((payloads) =>
    payloads.slice(0, 1).map(({ chain, netuid, round_id: roundId, proposer }) => ({
      ...{ chain, netuid, roundId, proposer },
      payloads: payloads.map(({ signed_hash: signedHash, body, at }) => ({ signedHash, body, at })),
    })),
  );
}
