import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../../src/node/runtime/sqlite.ts";
import { createLedgerOperations, type LedgerOperations } from "../../../src/relay/payment/ledger-operations.ts";
import { ledgerMigrations } from "../../../src/relay/payment/ledger-schema.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-budget-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const LIMIT = 100;
const SUBMISSIONS = 6;

type Step =
  | { readonly kind: "reserve"; readonly which: number; readonly amount: number }
  | { readonly kind: "sign" | "spend" | "report" | "void"; readonly which: number }
  | { readonly kind: "crash" }
  | { readonly kind: "midnight" };

const which = fc.nat(SUBMISSIONS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("reserve" as const), which, amount: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("sign" as const, "spend" as const, "report" as const, "void" as const),
      which,
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: "crash" }, { kind: "midnight" }) },
);

/** What the world did, kept apart from the ledger: who holds a signature, and what a chain has moved. */
interface Signed {
  readonly amount: number;
  readonly day: string;
  spent: boolean;
  ended: boolean;
}

const nonceOf = (index: number) => `0x${`${index}`.padStart(64, "0")}` as const;
const keyOf = (index: number) => ({ signedHash: `${index}`.padStart(64, "0"), gateway: "http://gateway.test" });
const address = `0x${"11".repeat(20)}` as const;

/** A ledger in a file, and beside it the world that it has to be true to. */
class Model {
  readonly #path: string;
  readonly #current: (Signed | undefined)[] = [];
  readonly #all: Signed[] = [];
  #close: () => unknown = () => undefined;
  #opened: LedgerOperations | undefined;
  #day = 1;
  #now = 1_000;

  constructor(path: string) {
    this.#path = path;
  }

  /** Also what a crash amounts to: nothing but the file is left. */
  async open(): Promise<void> {
    this.#close();
    const database = await openDatabase(this.#path, ledgerMigrations);
    this.#close = () => database.close();
    this.#opened = createLedgerOperations(database);
  }

  get #ledger(): LedgerOperations {
    if (!this.#opened) throw new Error("open it first");
    return this.#opened;
  }

  close(): void {
    this.#close();
  }

  async apply(step: Step): Promise<void> {
    this.#now += 1;
    if (step.kind === "crash") await this.open();
    else if (step.kind === "midnight") this.#day += 1;
    else if (step.kind === "reserve") this.#reserve(step.which, step.amount);
    else this[step.kind](step.which);
    this.#check();
  }

  #reserve(which: number, amount: number): void {
    const terms = { network: "eip155:84532", asset: address, payTo: address, payer: address, salt: "5a" } as const;
    const day = `2026-01-${`${this.#day}`.padStart(2, "0")}`;
    const request = { ...keyOf(which), ...terms, nonce: nonceOf(which), amount, limit: LIMIT, day, now: this.#now };
    try {
      this.#ledger.writes.reserve(request);
    } catch (error) {
      expect(error).toMatchObject({ code: "PAYMENT_BUDGET" });
    }
  }

  sign(which: number): void {
    const row = this.#ledger.reads.findPurchase(keyOf(which));
    if (row?.state !== "reserved") return;
    const now = this.#now;
    const message = { nonce: row.nonce, validBefore: now, header: "payment-signature", payment: "p", now };
    this.#ledger.writes.storeSigned({ ...keyOf(which), ...message });
    const signed = { amount: row.amount, day: row.day, spent: false, ended: false };
    this.#current[which] = signed;
    this.#all.push(signed);
  }

  spend(which: number): void {
    const signed = this.#current[which];
    if (signed && !signed.ended) signed.spent = true;
  }

  report(which: number): void {
    if (!this.#current[which]?.spent) return;
    this.#ledger.writes.settlePurchase({ ...keyOf(which), transaction: null, now: this.#now });
  }

  /** The chain says: never spent, and over. */
  void(which: number): void {
    const signed = this.#current[which];
    if (!signed || signed.spent) return;
    signed.ended = true;
    const validBefore = this.#ledger.reads.findPurchase(keyOf(which))?.validBefore ?? null;
    this.#ledger.writes.releasePurchase({ ...keyOf(which), validBefore, now: this.#now });
  }

  #check(): void {
    const alive = this.#all.filter(({ spent, ended }) => spent || !ended);
    for (const [day, signatures] of Map.groupBy(alive, (signed) => signed.day)) {
      const worth = signatures.reduce((sum, { amount }) => sum + amount, 0);
      expect(worth).toBeLessThanOrEqual(LIMIT);
      const { reserved, spent } = this.#ledger.reads.spentOn({ day });
      expect(reserved + spent).toBeGreaterThanOrEqual(worth);
    }
  }
}

let runs = 0;

test("whatever happens in whatever order, no day's signatures are worth more than its budget", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      runs += 1;
      const model = new Model(join(folder, `${runs}.sqlite`));
      await model.open();
      for (const taken of steps) await model.apply(taken);
      model.close();
    }),
    { numRuns: Number(process.env["ENGRAM_FUZZ"] ?? 40) },
  );
});
