import { type CopyReport, type CopyVerdict, isLost, MAX_LISTED, type VerifyReport } from "../audits.ts";
import type { CheckedCopy } from "./audit-copies.ts";
import { isPublicCopy } from "./audit-record.ts";
import type { MinerView } from "./miner-directory.ts";

/** What was found so far: of many copies the counts, and of those that failed the first. */
export class ReportBuilder {
  readonly #counts = new Map<CopyVerdict, number>();
  readonly #failed: CopyReport[] = [];
  readonly #good: CopyReport[] = [];
  readonly #ids = new Set<string>();
  readonly #cids = new Set<string>();
  #more = 0;
  #isRefuted = false;

  add(view: MinerView | undefined, checked: CheckedCopy, inclusion: CopyReport["inclusion"]): void {
    const { copy, verdict, proof } = checked;
    const { id, cid, part, hotkey: miner } = copy;
    this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1);
    this.#ids.add(id);
    this.#cids.add(cid);
    const visibility = isPublicCopy(copy) ? "public" : "private";
    const isFailed = verdict !== "held" || inclusion?.verdict === "absent";
    this.#isRefuted ||= isFailed;
    const list = isFailed ? this.#failed : this.#good;
    if (this.#failed.length + this.#good.length >= MAX_LISTED) {
      this.#more += 1;
      // What failed is worth more of the room than what did not.
      if (!isFailed || this.#good.pop() === undefined) return;
    }
    list.push({
      ...{ id, cid, part, miner },
      ...(view?.miner.embedded ? { embedded: true as const } : {}),
      ...{ visibility, verdict, proof },
      ...(inclusion === undefined ? {} : { inclusion }),
    });
  }

  /** Whether a copy of this memory, or under this CID, was looked at. */
  has(name: string): boolean {
    return this.#ids.has(name) || this.#cids.has(name);
  }

  report(at: number, { missing, uncopied }: Pick<VerifyReport, "missing" | "uncopied">): VerifyReport {
    const copies = [...this.#failed, ...this.#good];
    const ok = copies.length > 0 && !this.#isRefuted && missing.length === 0 && uncopied.length === 0;
    return { at, ok, counts: Object.fromEntries(this.#counts), copies, more: this.#more, missing, uncopied };
  }
}

/** By verdict. */
export function countVerdicts(checked: readonly CheckedCopy[]): VerifyReport["counts"] {
  const counts = new Map<CopyVerdict, number>();
  for (const { verdict } of checked) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** The findings that go into the journal. */
export function findingsOf(checked: readonly CheckedCopy[]) {
  return checked.map(({ copy: { record, hotkey }, verdict }) => ({ record, hotkey, verdict }));
}

/** Those that were lost at a miner that answered. */
export function lostOf(checked: readonly CheckedCopy[]): readonly CheckedCopy[] {
  return checked.filter(({ verdict }) => isLost(verdict));
}
