import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { Assurance, OutputType } from "../payload/types.ts";
import type { ReaderRow, Scope } from "./readers.ts";

/** `dead`: it failed for so long, or its receiver said that it is gone; a person revives it. */
export type WebhookState = "active" | "dead";

/** A reader's webhook. Times are unix milliseconds. */
export interface Webhook {
  readonly id: string;
  readonly reader: string;
  readonly url: string;
  readonly types: readonly OutputType[];
  readonly assurances: readonly Assurance[];
  readonly state: WebhookState;
  /** The number of the last item that was delivered: what stands behind it in the ledger is the queue. */
  readonly cursor: number;
  readonly delivered: number;
  /** Failed attempts since the last delivery. */
  readonly attempts: number;
  readonly failingSince: number | null;
  readonly nextAt: number;
  /** A code, never text from the network. */
  readonly lastError: string | null;
  readonly createdAt: number;
}

/** With what its deliveries need. */
export interface DueWebhook extends Webhook {
  readonly sealed: string;
  readonly owner: ReaderRow;
}

export interface NewWebhook extends Pick<Webhook, "id" | "reader" | "url" | "types" | "assurances"> {
  readonly sealed: string;
  /** Null: what is accepted from now on. */
  readonly after: number | null;
  readonly limits: { readonly perReader: number; readonly total: number };
  readonly now: number;
}

interface Row {
  readonly id: string;
  readonly reader: string;
  readonly url: string;
  readonly sealed: string;
  readonly types: string;
  readonly assurances: string;
  readonly state: WebhookState;
  readonly cursor: number;
  readonly delivered: number;
  readonly attempts: number;
  readonly failing_since: number | null;
  readonly next_at: number;
  readonly last_error: string | null;
  readonly created: number;
}

export const webhookMigration: readonly string[] = [
  `CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    reader TEXT NOT NULL REFERENCES reader (name) ON DELETE CASCADE,
    url TEXT NOT NULL,
    sealed TEXT NOT NULL,
    types TEXT NOT NULL,
    assurances TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'dead')),
    cursor INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER,
    next_at INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created INTEGER NOT NULL
  ) STRICT`,
  "CREATE INDEX webhook_of_reader ON webhook (reader)",
];

/**
 * Webhooks, each a place in the ledger of receipts: what was accepted behind it is its outbox, written in the very commit
 * that accepted it, so that nothing is lost or out of order however the gateway ends.
 */
export function webhookOperations(database: SqliteDatabase) {
  const all = database.prepare<object, Row>(
    "SELECT * FROM webhook WHERE @reader IS NULL OR reader = @reader ORDER BY created, id",
  );
  const one = database.prepare<object, Row>("SELECT * FROM webhook WHERE id = @id");
  const active = database.prepare<[], Row>("SELECT * FROM webhook WHERE state = 'active' ORDER BY next_at, id");
  const owner = database.prepare<object, { name: string; scopes: string; secret: string }>(
    "SELECT name, scopes, secret FROM reader WHERE name = @reader AND name <> ''",
  );
  const last = database.prepare<[], number | null>("SELECT max(seq) FROM submission WHERE seq IS NOT NULL").pluck();
  const insert = database.prepare<object>(
    `INSERT INTO webhook (id, reader, url, sealed, types, assurances, cursor, created)
     VALUES (@id, @reader, @url, @sealed, @types, @assurances, @cursor, @now)`,
  );
  const remove = database.prepare<object>(
    "DELETE FROM webhook WHERE id = @id AND (@reader IS NULL OR reader = @reader)",
  );
  const revive = database.prepare<object>(
    `UPDATE webhook SET state = 'active', attempts = 0, failing_since = NULL, next_at = 0, last_error = NULL
     WHERE id = @id`,
  );
  const moved = database.prepare<object>(
    `UPDATE webhook SET cursor = @seq, delivered = delivered + 1, attempts = 0, failing_since = NULL, next_at = 0,
       last_error = NULL WHERE id = @id AND cursor < @seq`,
  );
  const failed = database.prepare<object>(
    `UPDATE webhook SET attempts = attempts + 1, failing_since = coalesce(failing_since, @now), next_at = @nextAt,
       last_error = @code, state = iif(@gone OR @now - coalesce(failing_since, @now) >= @deadAfterMs, 'dead', 'active')
     WHERE id = @id AND state = 'active'`,
  );

  return {
    reads: {
      webhooks: ({ reader }: { readonly reader: string | null }): readonly Webhook[] =>
        all.all({ reader }).map(toWebhook),
      /** Those that are not dead, as they are now, with their readers. */
      activeWebhooks: (_: null): readonly DueWebhook[] => active.all().flatMap(withOwner),
      activeWebhook: ({ id }: { readonly id: string }): DueWebhook | null => {
        const row = one.get({ id });
        return row?.state === "active" ? (withOwner(row)[0] ?? null) : null;
      },
    },
    writes: {
      addWebhook: (webhook: NewWebhook): "added" | "no_reader" | "too_many" => {
        const { limits, after, types, assurances, ...values } = webhook;
        if (!owner.get(webhook)) return "no_reader";
        const [own, total] = [all.all({ reader: webhook.reader }).length, all.all({ reader: null }).length];
        if (own >= limits.perReader || total >= limits.total) return "too_many";
        const texts = { types: JSON.stringify(types), assurances: JSON.stringify(assurances) };
        insert.run({ ...values, ...texts, cursor: after ?? last.get() ?? 0 });
        return "added";
      },
      /** `reader` null: whoever's it is. */
      removeWebhook: (input: { readonly id: string; readonly reader: string | null }): boolean =>
        remove.run(input).changes === 1,
      reviveWebhook: (input: { readonly id: string }): boolean => revive.run(input).changes === 1,
      webhookDelivered: (input: { readonly id: string; readonly seq: number }): void => {
        moved.run(input);
      },
      /** Says what became of it. */
      webhookFailed: (input: {
        readonly id: string;
        readonly code: string;
        readonly nextAt: number;
        readonly gone: boolean;
        readonly deadAfterMs: number;
        readonly now: number;
      }): WebhookState => {
        failed.run({ ...input, gone: input.gone ? 1 : 0 });
        return one.get({ id: input.id })?.state ?? "dead";
      },
    },
  };

  function withOwner(row: Row): readonly DueWebhook[] {
    const found = owner.get({ reader: row.reader });
    if (!found) return [];
    const scopes = JSON.parse(found.scopes) as readonly Scope[];
    return [{ ...toWebhook(row), sealed: row.sealed, owner: { ...found, scopes } }];
  }
}

function toWebhook(row: Row): Webhook {
  return {
    id: row.id,
    reader: row.reader,
    url: row.url,
    types: JSON.parse(row.types) as readonly OutputType[],
    assurances: JSON.parse(row.assurances) as readonly Assurance[],
    state: row.state,
    cursor: row.cursor,
    delivered: row.delivered,
    attempts: row.attempts,
    failingSince: row.failing_since,
    nextAt: row.next_at,
    lastError: row.last_error,
    createdAt: row.created,
  };
}
