import { EngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import { NO_RECEIPT_HASH, type Receipt, type ReceiptSigner } from "../receipt.ts";
import {
  type Checkpoint,
  NO_STATEMENT_HASH,
  type Succession,
  signCheckpoint,
  signSuccession,
} from "../signed-statement.ts";
import type { GatewayStoreOptions } from "./gateway-store.ts";

/** The name of a ledger that was never restored. */
const FIRST_LEDGER = "main";

type Head = NonNullable<Checkpoint["head"]>;

/** The key that signs the receipts so far; null before there is a ledger. */
export function signingKey(database: SqliteDatabase): Hotkey | null {
  const text = database
    .prepare<[], string>("SELECT statement FROM succession ORDER BY number DESC LIMIT 1")
    .pluck()
    .get();
  return text === undefined ? null : ((JSON.parse(text) as Succession).gateway_hotkey as Hotkey);
}

/** Where the next receipt stands in the chain. */
export interface NextLink {
  readonly seq: number;
  readonly previousHash: string;
}

/**
 * Who signs the chain of receipts, and where it stands. Throws `GATEWAY_KEY_CHANGED` when `signer` is not who signed so
 * far.
 */
export function ledgerOperations(database: SqliteDatabase, signer: ReceiptSigner, { anyKey }: GatewayStoreOptions) {
  const now = Date.now;
  const all = database.prepare<[], string>("SELECT statement FROM succession ORDER BY number").pluck();
  const insert = database.prepare<object>(
    "INSERT INTO succession (number, statement) VALUES (@number, @statement) ON CONFLICT DO NOTHING",
  );
  const lastReceipt = database
    .prepare<[], string>("SELECT receipt FROM submission WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1")
    .pluck();
  const count = database.prepare<[], number>("SELECT count(*) FROM submission WHERE seq IS NOT NULL").pluck();

  const successions = (): readonly Succession[] => all.all().map((text) => JSON.parse(text) as Succession);
  const newest = (): Succession => {
    const found = successions().at(-1);
    if (found) return found;
    throw new EngramError("STORE_FAILED", "the ledger has no beginning");
  };
  const put = (one: Succession) => insert.run({ number: one.number, statement: JSON.stringify(one) }).changes === 1;

  function head(): Head | null {
    const text = lastReceipt.get();
    if (text === undefined) return null;
    const { gateway_seq, receipt_hash } = JSON.parse(text) as Receipt;
    return { gateway_seq, receipt_hash };
  }

  if (successions().length === 0) {
    const { hotkey: gateway_hotkey } = signer;
    const start = { number: 1, prev_statement_hash: NO_STATEMENT_HASH, kind: "start", ledger: FIRST_LEDGER } as const;
    const none = { previous: null, first_seq: 1, previous_hotkey: null };
    put(signSuccession({ ...start, ...none, gateway_hotkey, at_ms: now() }, signer, null));
  }
  if (!anyKey && newest().gateway_hotkey !== signer.hotkey) {
    throw new EngramError("GATEWAY_KEY_CHANGED", "this folder's key is not the one that signs its receipts", {
      fix: "bring the folder identity back; where it is lost, engram gateway restore NAME",
    });
  }

  return {
    reads: {
      successions: (_: null) => successions(),
      /** What a change of key or ledger must be built on. */
      ledgerHead: (_: null) => ({ newest: newest(), head: head() }),
      checkpoint: ({ chain }: { readonly chain: string }): Checkpoint => {
        const { ledger, statement_hash, gateway_hotkey } = newest();
        const receipts = count.get() ?? 0;
        const body = { ledger, chain, gateway_hotkey, head: head(), receipts, statement_hash, at_ms: now() };
        return signCheckpoint(body, signer);
      },
    },
    writes: {
      /** Adds a change; false when the chain went on since it was made. The process must open its folder anew. */
      addSuccession: ({ succession }: { readonly succession: Succession }): boolean => {
        const last = newest();
        const isNext =
          succession.number === last.number + 1 &&
          succession.prev_statement_hash === last.statement_hash &&
          (succession.previous?.receipt_hash ?? null) === (head()?.receipt_hash ?? null);
        return isNext && put(succession);
      },
    },
    /** Inside the transaction that makes the receipt. */
    nextLink: (): NextLink => {
      const last = head();
      const { first_seq, kind, statement_hash, gateway_hotkey } = newest();
      if (gateway_hotkey !== signer.hotkey) {
        throw new EngramError("GATEWAY_KEY_CHANGED", "another key signs the receipts by now", {
          fix: "start this gateway again",
        });
      }
      if (kind === "restore" && first_seq > (last?.gateway_seq ?? 0)) {
        return { seq: first_seq, previousHash: statement_hash };
      }
      return { seq: (last?.gateway_seq ?? 0) + 1, previousHash: last?.receipt_hash ?? NO_RECEIPT_HASH };
    },
  };
}
