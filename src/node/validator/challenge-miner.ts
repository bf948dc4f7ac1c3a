import { isEngramError } from "../../crypto/errors.ts";
import { MAX_CHALLENGED } from "../protocol/possession.ts";
import type { PossessionCaller } from "../protocol/possession-caller.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Canary } from "./canaries.ts";
import type { CallableMiner } from "./measure-miners.ts";
import { type CapabilityDeps, capabilitiesOf } from "./miner-capabilities.ts";
import { CALL_MS, MinerProbe } from "./miner-probe.ts";

export interface ChallengeDeps extends CapabilityDeps {
  readonly logger: Logger;
  readonly possession: PossessionCaller;
}

/**
 * Challenges a miner for these canaries; one entry each: whether it was passed. A miner that promised `proof2` is asked
 * for nothing less, all in one call: the proof of spec 3 is passed by whoever kept the hashes (F5). Failures are logged
 * with the miner's name and what it did.
 */
export async function challengeMiner(
  deps: ChallengeDeps,
  miner: CallableMiner,
  canaries: readonly Canary[],
): Promise<readonly boolean[]> {
  const caps = await capabilitiesOf(deps, miner);
  if (caps.includes("proof2") && canaries.length <= MAX_CHALLENGED) return await askForAllBytes(deps, miner, canaries);
  const probe = new MinerProbe(deps, miner.endpoint);
  const proofs: boolean[] = [];
  for (const canary of canaries) {
    const isPassed = await probe.challenge(canary);
    if (!isPassed) report(deps, miner, canary.cid, "unproven");
    proofs.push(isPassed);
  }
  return proofs;
}

async function askForAllBytes(
  deps: ChallengeDeps,
  miner: CallableMiner,
  canaries: readonly Canary[],
): Promise<readonly boolean[]> {
  const { possession, http, signal } = deps;
  const peer = { hotkey: miner.hotkey, url: miner.endpoint };
  const records = canaries.map(({ cid, embedding }) => ({ cid, embedding, metadata: new Map() }));
  try {
    const verdicts = await possession.challenge(http, peer, records, { deadlineMs: CALL_MS, signal });
    for (const [place, verdict] of verdicts.entries()) {
      if (verdict !== "held") report(deps, miner, records[place]?.cid, verdict);
    }
    return verdicts.map((verdict) => verdict === "held");
  } catch (error) {
    // A stopping validator must not hold its own stop against the miner.
    signal.throwIfAborted();
    const why = isEngramError(error) ? error.code : "UNKNOWN";
    for (const { cid } of canaries) report(deps, miner, cid, why);
    return canaries.map(() => false);
  }
}

function report({ logger }: ChallengeDeps, { hotkey }: CallableMiner, cid: string | undefined, verdict: string): void {
  logger.warn({ miner: hotkey, cid, verdict }, "a miner failed a challenge");
}
