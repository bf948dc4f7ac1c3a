import type { Hotkey } from "../crypto/ss58.ts";
import { followsReceipt, type Receipt } from "./receipt.ts";
import type { Succession } from "./signed-statement.ts";

/**
 * Which keys sign a gateway's receipts: those that the pinned one vouches for, itself or over others, each for the
 * numbers it was in charge of. A key that was replaced signs nothing that came after it.
 */
export class GatewayKeys {
  readonly #pinned: Hotkey;
  readonly #trusted: readonly Succession[];

  /** `successions` as `verifySuccessions` returned them; none where the gateway never changed its key. */
  constructor(pinned: Hotkey, successions: readonly Succession[] = []) {
    this.#pinned = pinned;
    this.#trusted = vouchedBy(pinned, successions);
  }

  /** Whether this is all that is known: the pinned key alone. */
  get isBare(): boolean {
    return this.#trusted.length === 0;
  }

  /** Who is in charge of a number; null where no key is that the pinned one vouches for. */
  signerOf(seq: number): Hotkey | null {
    if (this.isBare) return this.#pinned;
    return this.#trusted.findLast(({ first_seq }) => first_seq <= seq)?.gateway_hotkey ?? null;
  }

  /** Whether the key that signs now is trusted. */
  get newest(): Hotkey {
    return this.#trusted.at(-1)?.gateway_hotkey ?? this.#pinned;
  }

  /** Whether `next` comes directly after `previous`, over a change of key or a restored ledger too. */
  follows(previous: Receipt | null, next: Receipt): boolean {
    const change = this.#trusted.find(({ first_seq, kind }) => first_seq === next.gateway_seq && kind !== "start");
    if (!change) return followsReceipt(previous, next);
    const isHead = (change.previous?.receipt_hash ?? null) === (previous?.receipt_hash ?? null);
    if (change.kind === "restore") return isHead && next.prev_receipt_hash === change.statement_hash;
    return isHead && (previous === null || next.prev_receipt_hash === previous.receipt_hash);
  }

  /** Whether a number may be missing: it was lost with the ledger before. */
  isGap(seq: number): boolean {
    return this.#trusted.some(
      ({ kind, previous, first_seq }) => kind === "restore" && seq > (previous?.gateway_seq ?? 0) && seq < first_seq,
    );
  }
}

/** The longest run of successions around the pinned key over which each key vouches for the next. */
function vouchedBy(pinned: Hotkey, successions: readonly Succession[]): readonly Succession[] {
  const runs: Succession[][] = [];
  for (const one of successions) {
    const isVouched = one.previous_signature !== null || one.gateway_hotkey === one.previous_hotkey;
    if (isVouched) runs.at(-1)?.push(one);
    else runs.push([one]);
  }
  return runs.findLast((run) => run.some(({ gateway_hotkey }) => gateway_hotkey === pinned)) ?? [];
}
