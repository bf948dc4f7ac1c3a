import { EngramError } from "../../crypto/errors.ts";
import type { Outbox } from "./outbox.ts";

/**
 * A person's word: sends a parked or abandoned submission (its job, or its signed hash) again, on the gateway's present
 * terms; returns its job. Errors: `RELAY_NOT_REPLAYABLE`.
 */
export async function replaySubmission(outbox: Outbox, id: string, now: number): Promise<string> {
  const found = await outbox.call("find", { id });
  if (found && (await outbox.call("replay", { job: found.job, now }))) return found.job;
  throw new EngramError("RELAY_NOT_REPLAYABLE", "no parked or abandoned submission has this job or signed hash", {
    fix: "engram relay list shows them",
  });
}
