import { toHex } from "../../crypto/hex.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { PayloadSigner } from "../payload/sign-payload.ts";
import type { JournalEntry } from "./journal-operations.ts";

/** Signs one payload per round and no second (spec 14.2). */
export interface SignJournal {
  /** The `0x` signature, the same again for the same payload; null when the round has another payload. */
  sign(entry: JournalEntry, message: Uint8Array): Promise<string | null>;
}

/** The journal in a relay's outbox. */
export function signJournal(deps: {
  readonly outbox: Outbox;
  readonly signer: PayloadSigner;
  readonly clock: Clock;
}): SignJournal {
  const { outbox, signer, clock } = deps;
  return {
    sign: async (entry, message) => {
      const answer = await outbox.call("recordSigning", { ...entry, now: clock.now() });
      if (answer.kind === "taken") return null;
      if (answer.signature !== null) return answer.signature;
      // On disk by now: a crash from here on signs the same payload again at worst.
      const signature = `0x${toHex(signer.sign(message))}`;
      return await outbox.call("storeSignature", { ...entry, signature });
    },
  };
}
