import { EngramError } from "../../crypto/errors.ts";
import type { PageContext } from "./context.ts";

/** Proofs that a page waits for; the daily audit looks at the rest. */
const PROOF_MS = 20_000;

/** Forgets one memory, here and at every holder. Errors: `MEMORY_NOT_FOUND`. */
export async function forgetMemory(id: string, { sources }: PageContext): Promise<string> {
  const { deleted } = await (await sources.memory()).delete({ ids: [id] });
  if (deleted.length > 0) return "/memories?forgotten=1";
  throw new EngramError("MEMORY_NOT_FOUND", "there is no memory of this id", {
    fix: "It may have been forgotten already.",
  });
}

/** Has every holder prove its copy of one memory. Errors: `NO_MINERS`, those of the audit. */
export async function verifyMemory(id: string, { sources }: PageContext): Promise<string> {
  const { audits } = await sources.memory();
  if (!audits) throw new EngramError("NO_MINERS", "no miner is known", { fix: "Name miners in ENGRAM_MINERS." });
  const { counts } = await audits.verify({ names: [id] }, { signal: AbortSignal.timeout(PROOF_MS) });
  const asked = Object.values(counts).reduce((sum, one) => sum + (one ?? 0), 0);
  return `/memories/${encodeURIComponent(id)}?asked=${asked}&proved=${(counts.held ?? 0) + (counts.shown ?? 0)}`;
}
