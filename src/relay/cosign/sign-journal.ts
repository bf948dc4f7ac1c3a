import { toHex } from "../../crypto/hex.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { PayloadSigner } from "../payload/sign-payload.ts";
import type { JournalAnswer, JournalEntry, ProposalAnswer, SeenProposal } from "./journal-operations.ts";

/** `signature` is `0x` and hex, the same again for the same payload. */
type Signing =
  | { readonly kind: "signed"; readonly signature: string }
  | Exclude<JournalAnswer, { readonly kind: "recorded" }>;

/** Signs one payload per round and no second (spec 14.2). */
export interface SignJournal {
  sign(entry: JournalEntry, message: Uint8Array): Promise<Signing>;
  /** Keeps a proposal, and says whether it may be signed as far as its proposer goes. */
  noteProposal(proposal: Omit<SeenProposal, "now">): Promise<ProposalAnswer>;
}

/** The journal in a relay's outbox. */
export function signJournal(deps: {
  readonly outbox: Pick<Outbox, "call">;
  readonly signer: PayloadSigner;
  readonly clock: Clock;
}): SignJournal {
  const { outbox, signer, clock } = deps;
  return {
    sign: async (entry, message) => {
      const answer = await outbox.call("recordSigning", { ...entry, now: clock.now() });
      if (answer.kind !== "recorded") return answer;
      if (answer.signature !== null) return { kind: "signed", signature: answer.signature };
      // On disk by now: a crash from here on signs the same payload again at worst.
      const signature = `0x${toHex(signer.sign(message))}`;
      return { kind: "signed", signature: await outbox.call("storeSignature", { ...entry, signature }) };
    },
    noteProposal: (proposal) => outbox.call("recordProposal", { ...proposal, now: clock.now() }),
  };
}
