import { join } from "node:path";
import Database from "better-sqlite3";

/** What is wrong inside memory.db: empty when rows, pieces, index, vectors and content agree. */
export function auditStore(home: string): string[] {
  const database = new Database(join(home, "memory.db"), { readonly: true });
  try {
    const count = (sql: string) => database.prepare<[], number>(`SELECT count(*) FROM ${sql}`).pluck().get() ?? -1;
    const checks: Readonly<Record<string, number>> = {
      "memories without pieces": count("memory WHERE row NOT IN (SELECT memory FROM piece)"),
      "pieces without a memory": count("piece WHERE memory NOT IN (SELECT row FROM memory)"),
      "postings without a piece": count("posting WHERE piece NOT IN (SELECT id FROM piece)"),
      "vectors without a piece": count("vector WHERE piece NOT IN (SELECT id FROM piece)"),
      "pieces that lost postings": count(
        `piece p LEFT JOIN (SELECT piece, count(*) AS terms FROM posting GROUP BY piece) o ON o.piece = p.id
         WHERE p.terms <> coalesce(o.terms, 0)`,
      ),
      "memories whose content is gone": count("memory WHERE content NOT IN (SELECT id FROM content WHERE erased = 0)"),
      "vectors whose content is gone": count("vector WHERE content NOT IN (SELECT id FROM content WHERE erased = 0)"),
      "content nobody names": count(
        `content WHERE erased = 0 AND id NOT IN (SELECT content FROM memory UNION ALL SELECT content FROM vector
           UNION ALL SELECT body FROM record WHERE body IS NOT NULL)`,
      ),
      "memories without a record": count(
        "memory m WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.memory_id = m.id AND r.kind = 'memory')",
      ),
      "sessions that use a place twice": count(
        "(SELECT 1 FROM memory GROUP BY namespace, session, seq HAVING count(*) > 1)",
      ),
    };
    const wrong = Object.entries(checks).flatMap(([what, number]) => (number === 0 ? [] : [`${number} ${what}`]));
    const integrity = database.pragma("integrity_check", { simple: true });
    return integrity === "ok" ? wrong : [...wrong, `integrity: ${integrity}`];
  } finally {
    database.close();
  }
}
