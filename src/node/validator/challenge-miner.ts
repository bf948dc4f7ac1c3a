import { isEngramError } from "../../crypto/errors.ts";
import { MAX_CHALLENGED } from "../protocol/possession.ts";
import type { PossessionCaller } from "../protocol/possession-caller.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Canary } from "./canaries.ts";
import type { CapabilityDeps } from "./miner-capabilities.ts";
import { CHALLENGE_MS, MinerProbe } from "./miner-probe.ts";
import type { CallableMiner } from "./visit-miner.ts";

export interface ChallengeDeps extends CapabilityDeps {
  readonly logger: Logger;
  readonly possession: PossessionCaller;
}

type Challenged = Pick<CallableMiner, "hotkey" | "endpoint"> & {
  /** As `capabilitiesOf` found them. */
  readonly caps: readonly string[];
};

/**
 * Challenges a miner for these records; one entry each: whether it was passed. A miner that promised `proof2` is asked
 * for nothing less, all in one call: the proof of spec 3 is passed by whoever kept the hashes (F5). Failures of the
 * first `counted` are logged with the miner's name and what it did.
 */
export async function challengeMiner(
  deps: ChallengeDeps,
  miner: Challenged,
  records: readonly Canary[],
  counted = records.length,
): Promise<readonly boolean[]> {
  if (miner.caps.includes("proof2") && records.length <= MAX_CHALLENGED) {
    return await askForAllBytes(deps, miner, records, counted);
  }
  const probe = new MinerProbe(deps, miner.endpoint);
  const proofs: boolean[] = [];
  for (const [place, record] of records.entries()) {
    const isPassed = await probe.challenge(record);
    if (!isPassed && place < counted) report(deps, miner, record.cid, "unproven");
    proofs.push(isPassed);
  }
  return proofs;
}

async function askForAllBytes(
  deps: ChallengeDeps,
  miner: Challenged,
  challenged: readonly Canary[],
  counted: number,
): Promise<readonly boolean[]> {
  const { possession, http, signal } = deps;
  const peer = { hotkey: miner.hotkey, url: miner.endpoint };
  const records = challenged.map(({ cid, embedding }) => ({ cid, embedding, metadata: new Map() }));
  try {
    const verdicts = await possession.challenge(http, peer, records, { deadlineMs: CHALLENGE_MS, signal });
    for (const [place, verdict] of verdicts.entries()) {
      if (verdict !== "held" && place < counted) report(deps, miner, records[place]?.cid, verdict);
    }
    return verdicts.map((verdict) => verdict === "held");
  } catch (error) {
    // A stopping validator must not hold its own stop against the miner.
    signal.throwIfAborted();
    const why = isEngramError(error) ? error.code : "UNKNOWN";
    for (const { cid } of challenged.slice(0, counted)) report(deps, miner, cid, why);
    return challenged.map(() => false);
  }
}

function report({ logger }: ChallengeDeps, { hotkey }: Challenged, cid: string | undefined, verdict: string): void {
  logger.warn({ miner: hotkey, cid, verdict }, "a miner failed a challenge");
}
