import { EngramError } from "../../crypto/errors.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { LedgerEntry, PurchaseState } from "./buyer-types.ts";
import { BUDGET_VARIABLE } from "./limit-variables.ts";
import { formatMicroDollars } from "./micro-dollars.ts";
import type { Hex, PaymentNetwork } from "./payment-types.ts";

/** Names a purchase: one submission at one gateway. */
export interface PurchaseKey {
  readonly signedHash: string;
  /** The gateway's origin. */
  readonly gateway: string;
}

/** What is bought for how much, before it is signed. */
interface PurchaseTerms {
  readonly network: PaymentNetwork;
  readonly asset: Hex;
  readonly payTo: Hex;
  readonly payer: Hex;
  readonly amount: number;
  readonly salt: string;
  readonly nonce: Hex;
}

export interface ReserveRequest extends PurchaseKey, PurchaseTerms {
  /** What the day allows, in millionths of a dollar. */
  readonly limit: number;
  readonly day: string;
  readonly now: number;
}

/** The payment as it is sent, every time the same. */
export interface SignedPurchase extends PurchaseKey {
  readonly nonce: Hex;
  /** Unix seconds. */
  readonly validBefore: number;
  readonly header: string;
  readonly payment: string;
  readonly now: number;
}

export interface PurchaseRow extends PurchaseKey, PurchaseTerms {
  readonly state: PurchaseState;
  readonly validBefore: number | null;
  readonly header: string | null;
  readonly payment: string | null;
  readonly transaction: Hex | null;
  readonly day: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface PurchaseChange extends PurchaseKey {
  /** Of the payment that was looked at: one that was signed anew meanwhile is not touched. */
  readonly validBefore: number | null;
  readonly now: number;
}

interface OpenQuery {
  readonly endedBefore: number;
  readonly reservedBefore: number;
  readonly limit: number;
}

const COLUMNS = `signed_hash AS signedHash, gateway, network, asset, pay_to AS payTo, payer, amount, salt, nonce, state,
  valid_before AS validBefore, header, payment, tx AS "transaction", day, created AS createdAt, updated AS updatedAt`;
const KEY = "signed_hash = @signedHash AND gateway = @gateway";

/** The buyer's ledger. Reserving and counting the day are one transaction, whatever the number of processes. */
export function createLedgerOperations(database: SqliteDatabase) {
  const find = database.prepare<object, PurchaseRow>(`SELECT ${COLUMNS} FROM purchase WHERE ${KEY}`);
  const day = database.prepare<object, { readonly reserved: number; readonly spent: number }>(
    `SELECT coalesce(sum(amount) FILTER (WHERE state IN ('reserved', 'signed')), 0) AS reserved,
            coalesce(sum(amount) FILTER (WHERE state = 'settled'), 0) AS spent
     FROM purchase WHERE day = @day`,
  );
  const reserve = database.prepare<object>(
    `INSERT INTO purchase (signed_hash, gateway, network, asset, pay_to, payer, amount, salt, nonce, state, day, created, updated)
     VALUES (@signedHash, @gateway, @network, @asset, @payTo, @payer, @amount, @salt, @nonce, 'reserved', @day, @now, @now)
     ON CONFLICT (signed_hash, gateway) DO UPDATE SET
       network = @network, asset = @asset, pay_to = @payTo, payer = @payer, amount = @amount, salt = @salt,
       nonce = @nonce, state = 'reserved', day = @day, updated = @now, valid_before = NULL, header = NULL, payment = NULL
     WHERE state = 'released'`,
  );
  const sign = database.prepare<object>(
    `UPDATE purchase SET state = 'signed', valid_before = @validBefore, header = @header, payment = @payment, updated = @now
     WHERE ${KEY} AND nonce = @nonce AND state = 'reserved'`,
  );
  const settle = database.prepare<object>(
    `UPDATE purchase SET state = 'settled', tx = coalesce(@transaction, tx), updated = @now
     WHERE ${KEY} AND state IN ('signed', 'settled')`,
  );
  const release = database.prepare<object>(
    `UPDATE purchase SET state = 'released', updated = @now
     WHERE ${KEY} AND valid_before IS @validBefore AND state IN ('reserved', 'signed')`,
  );
  const open = database.prepare<object, PurchaseRow>(
    `SELECT ${COLUMNS} FROM purchase WHERE (state = 'signed' AND valid_before <= @endedBefore) OR (state = 'reserved' AND updated < @reservedBefore)
     ORDER BY updated LIMIT @limit`,
  );
  const list = database.prepare<object, LedgerEntry>(
    `SELECT signed_hash AS signedHash, gateway, network, asset, pay_to AS payTo, payer, amount, state, day,
            tx AS "transaction", created AS createdAt, updated AS updatedAt
     FROM purchase ORDER BY created DESC, signed_hash LIMIT @limit`,
  );

  const found = (key: PurchaseKey): PurchaseRow => {
    const row = find.get(key);
    if (row) return row;
    throw new EngramError("PAYMENT_UNKNOWN", "no payment is kept for this submission", { fix: "check the hash" });
  };

  return {
    reads: {
      findPurchase: (key: PurchaseKey): PurchaseRow | null => find.get(key) ?? null,
      /** Signed ones whose end (unix seconds) has passed, and reserved ones left behind (unix milliseconds). */
      openPurchases: (query: OpenQuery): readonly PurchaseRow[] => open.all(query),
      spentOn: (query: { readonly day: string }): { readonly reserved: number; readonly spent: number } =>
        day.get(query) ?? { reserved: 0, spent: 0 },
      ledger: (query: { readonly limit: number }): readonly LedgerEntry[] => list.all(query),
    },
    writes: {
      /** The row that is reserved, or signed already. Throws `PAYMENT_BUDGET`; nothing is reserved then. */
      reserve: ({ limit, ...purchase }: ReserveRequest): PurchaseRow => {
        const present = find.get(purchase);
        if (present && present.state !== "released") return present;
        const { reserved, spent } = day.get({ day: purchase.day }) ?? { reserved: 0, spent: 0 };
        if (reserved + spent + purchase.amount > limit) throw overBudget(limit, limit - reserved - spent, purchase.now);
        reserve.run(purchase);
        return found(purchase);
      },
      /** The row as it is kept: what another process signed first stays. */
      storeSigned: (signed: SignedPurchase): PurchaseRow => {
        sign.run(signed);
        return found(signed);
      },
      settlePurchase: (change: PurchaseKey & { readonly transaction: Hex | null; readonly now: number }): void => {
        settle.run(change);
      },
      /** Only for what is proven unspent. */
      releasePurchase: (change: PurchaseChange): void => {
        release.run(change);
      },
    },
  };
}

export type LedgerOperations = ReturnType<typeof createLedgerOperations>;

const DAY_MS = 86_400_000;

function overBudget(limit: number, left: number, now: number): EngramError {
  if (limit === 0) {
    return new EngramError("PAYMENT_BUDGET", "this submission must be paid for, and the daily budget is 0", {
      fix: `set ${BUDGET_VARIABLE} to the dollars a day that may be spent, such as 0.50`,
    });
  }
  return new EngramError(
    "PAYMENT_BUDGET",
    `the daily budget of ${formatMicroDollars(limit)} has ${formatMicroDollars(Math.max(0, left))} left, too little`,
    {
      fix: `wait for the next day (UTC), or raise ${BUDGET_VARIABLE}`,
      retryAfterMs: DAY_MS - (now % DAY_MS),
    },
  );
}
