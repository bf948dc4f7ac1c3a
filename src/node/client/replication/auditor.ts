import { z } from "zod";
import { isCid } from "../../../crypto/cid.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import { Auth2Caller } from "../../protocol/auth2-caller.ts";
import { PossessionCaller } from "../../protocol/possession-caller.ts";
import type { AuditStatus, Audits, VerifyReport, VerifySelection } from "../audits.ts";
import type { ReplicationContext } from "../open-client.ts";
import type { HeldCopy } from "../store/audit-operations.ts";
import { type CheckDeps, type CheckedCopy, checkCopies } from "./audit-copies.ts";
import { checkInclusion } from "./audit-inclusion.ts";
import { countVerdicts, findingsOf, lostOf, ReportBuilder } from "./audit-report.ts";
import type { MinerView } from "./miner-directory.ts";
import type { ReplicationParts } from "./replicator.ts";

export interface AuditorDeps {
  readonly context: ReplicationContext;
  readonly parts: () => Promise<ReplicationParts>;
  /** The journal has new rows. */
  readonly wake: () => void;
}

const TASK = "audit";
const STATUS_KEY = "audit";
const DAY_MS = 24 * 3_600_000;
/** Whether a day is over is looked at so often; the first time this long after the start: commands are over by then. */
const LOOK_EVERY_MS = 60_000;
/** Every copy is looked at within 30 days, with two to spare for miners that were away. */
const ROUND_DAYS = 28;
const OVERDUE_MS = 30 * DAY_MS;
/** So few cost nothing, and find a loss sooner. */
const LEAST_A_DAY = 64;
/** Beyond the oldest ones a quarter as many of any age: what was just looked at must not be safe to drop. */
const RANDOM_SHARE = 4;
const MOST_A_DAY = 20_000;
const PAGE = 256;
/** Inclusion proofs in one report and miner: they are asked for one by one. */
const INCLUSIONS = 16;

const statusSchema = z.object({ at: z.number(), counts: z.record(z.string(), z.number()), repushed: z.number() });

/** Asks miners to prove the copies they confirmed: all that a person names, and a sample every day (design: store). */
export class Auditor implements Audits, AsyncDisposable {
  readonly #deps: AuditorDeps;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #loop: Promise<void> | undefined;

  constructor(deps: AuditorDeps) {
    this.#deps = deps;
    this.#signal = AbortSignal.any([this.#stop.signal, deps.context.signal]);
  }

  /** Begins the daily audit; once. */
  start(): void {
    this.#loop ??= this.#run();
  }

  async verify(selection: VerifySelection, options: { readonly signal?: AbortSignal } = {}): Promise<VerifyReport> {
    const { store, clock, chain } = this.#deps.context;
    const { directory, sr25519 } = await this.#deps.parts();
    const signal = options.signal ? AbortSignal.any([this.#signal, options.signal]) : this.#signal;
    const views = await directory.refresh(signal);
    const wanted = await this.#wanted(selection);
    const inclusion = { sr25519, chain: await chain().identity(), clock, signal };
    const asked = new Map<string, number>();
    const builder = new ReportBuilder();
    const deps = await this.#checkDeps(signal, async () => signal.throwIfAborted());
    for (let after = { record: 0, hotkey: "" }; ; ) {
      const page = await store.call("heldCopies", { names: wanted.names, after, limit: PAGE });
      for (const { view, checked } of await checkAll(views, page, deps)) {
        for (const one of checked) {
          const before = asked.get(one.copy.hotkey) ?? 0;
          const proven = view && before < INCLUSIONS ? await checkInclusion(view, one, inclusion) : undefined;
          if (proven) asked.set(one.copy.hotkey, before + 1);
          builder.add(view, one, proven);
        }
        await this.#note(checked);
      }
      const last = page.at(-1);
      if (!last || page.length < PAGE) break;
      after = last;
    }
    const unseen = (wanted.names ?? []).filter((name) => !builder.has(name));
    const [missing, uncopied] = [unseen.filter((name) => isCid(name)), unseen.filter((name) => !isCid(name))];
    return builder.report(clock.now(), { missing: [...wanted.missing, ...missing], uncopied });
  }

  async status(): Promise<AuditStatus | null> {
    const { store, clock } = this.#deps.context;
    const text = await store.call("readValue", STATUS_KEY);
    const status = statusSchema.safeParse(text ? JSON.parse(text) : undefined);
    if (!status.success) return null;
    const { directory } = await this.#deps.parts();
    const hotkeys = remote(await directory.load()).map(({ miner }) => miner.hotkey);
    const overdue = await store.call("countCopies", { hotkeys, before: clock.now() - OVERDUE_MS });
    return { ...status.data, overdue };
  }

  /** Audits today's sample, when none was audited today; false when another process is at it. */
  async auditDay(): Promise<boolean> {
    const { store, leases, clock } = this.#deps.context;
    const status = await this.status();
    if (status && Math.abs(clock.now() - status.at) < DAY_MS) return true;
    return await leases.run(TASK, this.#signal, async (lease) => {
      const { directory } = await this.#deps.parts();
      if (remote(await directory.load()).length === 0) return;
      const views = remote(await directory.refresh(lease.signal)).filter((view) => view.reachable && view.trusted);
      const sample = await this.#sample(views);
      const deps = await this.#checkDeps(lease.signal, () => lease.check());
      const checked = (await checkAll(views, sample, deps)).flatMap((one) => one.checked);
      await lease.check();
      const repushed = await this.#note(checked);
      const value = JSON.stringify({ at: clock.now(), counts: countVerdicts(checked), repushed });
      await store.call("writeValue", { key: STATUS_KEY, value });
    });
  }

  async #sample(views: readonly MinerView[]): Promise<readonly HeldCopy[]> {
    const { store, clock } = this.#deps.context;
    const hotkeys = views.map(({ miner }) => miner.hotkey);
    const all = await store.call("countCopies", { hotkeys, before: clock.now() + DAY_MS });
    const oldest = Math.min(MOST_A_DAY, Math.max(LEAST_A_DAY, Math.ceil(all / ROUND_DAYS)));
    return await store.call("copiesToAudit", { hotkeys, oldest, random: Math.ceil(oldest / RANDOM_SHARE) });
  }

  /** Keeps what was found; lost copies are journalled anew, and their miners named. Returns how many. */
  async #note(checked: readonly CheckedCopy[]): Promise<number> {
    const { store, clock, log } = this.#deps.context;
    const repushed = await store.call("noteFindings", { findings: findingsOf(checked), now: clock.now() });
    for (const { copy, verdict } of lostOf(checked)) {
      log.warn({ miner: copy.hotkey, cid: copy.cid, verdict }, "a miner lost a copy; it is pushed again");
    }
    if (repushed > 0) this.#deps.wake();
    return repushed;
  }

  async #wanted(selection: VerifySelection) {
    if ("all" in selection) return { names: null, missing: [] };
    const { store, clock } = this.#deps.context;
    const [cids, ids] = [selection.names.filter(isCid), selection.names.filter((name) => !isCid(name))];
    if (ids.length === 0) return { names: cids, missing: [] };
    const found = await store.call("get", { ids, now: clock.now() });
    return { names: [...cids, ...found.items.map(({ id }) => id)], missing: found.missing };
  }

  async #checkDeps(signal: AbortSignal, check: () => Promise<void>): Promise<CheckDeps> {
    const { clock, wallet } = this.#deps.context;
    const [{ builder, sr25519 }, signer] = await Promise.all([this.#deps.parts(), wallet()]);
    const caller = new Auth2Caller({ signer, sr25519, clock });
    const possession = new PossessionCaller({ caller, hotkey: signer.hotkey, clock });
    return { builder, possession, hotkey: signer.hotkey, clock, check, signal };
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps.context;
    while (!this.#signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, this.#signal).catch(() => undefined);
      if (this.#signal.aborted) return;
      try {
        await this.auditDay();
      } catch (error) {
        if (this.#signal.aborted) return;
        log.warn({ task: TASK, code: isEngramError(error) ? error.code : "UNKNOWN" }, "the audit failed; trying later");
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the audit is stopping"));
    await this.#loop;
  }
}

function remote(views: readonly MinerView[]): readonly MinerView[] {
  return views.filter(({ miner }) => !miner.embedded);
}

/** Every miner about its own copies, at once; a miner that is no longer known is silent. */
async function checkAll(views: readonly MinerView[], copies: readonly HeldCopy[], deps: CheckDeps) {
  const byMiner = Map.groupBy(copies, ({ hotkey }) => hotkey);
  return await Promise.all(
    [...byMiner].map(
      async ([hotkey, own]): Promise<{ view: MinerView | undefined; checked: readonly CheckedCopy[] }> => {
        const view = views.find(({ miner }) => miner.hotkey === hotkey);
        if (view) return { view, checked: await checkCopies(view, own, deps) };
        const checked = own.map((copy) => ({ copy, verdict: "silent", proof: "none", record: undefined }) as const);
        return { view, checked };
      },
    ),
  );
}
