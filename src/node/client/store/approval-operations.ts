import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import { newApprovalCode } from "../ids.ts";
import { contentAppender } from "./content.ts";

const APPROVAL_MS = 5 * 60_000;

interface ApprovalRow {
  readonly code: string;
  readonly expires_at: number;
}

/** Approvals a person gives outside the model: for exactly these arguments, once, within five minutes. */
export function approvalOperations(database: SqliteDatabase) {
  const insert = database.prepare("INSERT INTO approval (code, arguments, summary, expires_at) VALUES (?, ?, ?, ?)");
  const waiting = database.prepare<[string], ApprovalRow>(
    "SELECT code, expires_at FROM approval WHERE arguments = ? AND approved = 0",
  );
  const pending = database
    .prepare<[string, number], string>(
      `SELECT CAST(bytes AS TEXT) FROM approval JOIN content ON content.id = summary
       WHERE code = ? AND approved = 0 AND expires_at > ?`,
    )
    .pluck();
  const approve = database
    .prepare<[string, number], string>(
      `UPDATE approval SET approved = 1 WHERE code = ? AND approved = 0 AND expires_at > ?
       RETURNING (SELECT CAST(bytes AS TEXT) FROM content WHERE id = summary)`,
    )
    .pluck();
  const consume = database.prepare(
    `DELETE FROM approval WHERE code = (
       SELECT code FROM approval WHERE arguments = ? AND approved = 1 AND expires_at > ? LIMIT 1)`,
  );
  const append = contentAppender(database);
  const expire = database.prepare("DELETE FROM approval WHERE expires_at <= ?");

  return {
    reads: {
      pendingApproval: ({ code, now }: { readonly code: string; readonly now: number }): string | null =>
        pending.get(code, now) ?? null,
    },
    writes: {
      requestApproval: (
        {
          argumentsHash,
          summary,
          now,
        }: { readonly argumentsHash: string; readonly summary: string; readonly now: number },
        context: WriteContext,
      ): { readonly code: string; readonly expiresAt: number } => {
        forgetExpired(now, context);
        // Asked twice, a person still approves once.
        const asked = waiting.get(argumentsHash);
        if (asked) return { code: asked.code, expiresAt: asked.expires_at };
        const code = newApprovalCode();
        insert.run(code, argumentsHash, append(summary), now + APPROVAL_MS);
        return { code, expiresAt: now + APPROVAL_MS };
      },
      approve: ({ code, now }: { readonly code: string; readonly now: number }): string | null =>
        approve.get(code, now) ?? null,
      consumeApproval: (
        { argumentsHash, now }: { readonly argumentsHash: string; readonly now: number },
        context: WriteContext,
      ): boolean => {
        forgetExpired(now, context);
        const consumed = consume.run(argumentsHash, now).changes === 1;
        if (consumed) context.eraseLog();
        return consumed;
      },
      /** Overdue ones go without being asked for: nobody may ever ask again. */
      expireApprovals: ({ now }: { readonly now: number }, context: WriteContext): void => forgetExpired(now, context),
    },
  };

  /** A summary may quote a memory: it goes as a memory does. */
  function forgetExpired(now: number, context: WriteContext): void {
    if (expire.run(now).changes > 0) context.eraseLog();
  }
}
