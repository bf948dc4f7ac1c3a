import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { ChainClient } from "../ports.ts";
import { type SignedCapabilities, verifyCapabilities } from "../protocol/capabilities.ts";
import { parsePin, updatePin } from "../protocol/capability-pins.ts";
import type { ProbeDeps } from "./miner-probe.ts";
import type { ValidatorStore } from "./store/validator-store.ts";
import type { CallableMiner } from "./visit-miner.ts";

export interface CapabilityDeps extends ProbeDeps {
  readonly store: ValidatorStore;
  readonly chain: Pick<ChainClient, "identity">;
  readonly sr25519: Sr25519;
}

const LOOK_MS = 3_000;
const MAX_HEALTH_BYTES = 65_536;

/**
 * What the miner promised under its own hotkey: pinned, so that a promise of proofs is not taken back by whoever would
 * fail them (design: capabilities). Empty for a miner of the reference. Null where another hotkey states that the machine
 * is its own: whoever publishes the address of somebody else's miner must not be paid for what that one does (V-W6).
 */
export async function capabilitiesOf(
  deps: CapabilityDeps,
  miner: Pick<CallableMiner, "hotkey" | "endpoint">,
): Promise<readonly string[] | null> {
  const { store, clock } = deps;
  const { hotkey } = miner;
  const stated = await statementOf(deps, miner);
  if (stated !== undefined && stated.hotkey !== hotkey) return null;
  const before = parsePin(await store.call("pin", { miner: hotkey }));
  const now = updatePin(before, stated, clock.now());
  if (now !== undefined && now !== before) await store.call("savePin", { miner: hotkey, pin: JSON.stringify(now) });
  return now?.caps ?? [];
}

/** Of whoever answers there. */
async function statementOf(
  { http, chain, sr25519, signal }: CapabilityDeps,
  { endpoint }: Pick<CallableMiner, "endpoint">,
): Promise<SignedCapabilities | undefined> {
  const identity = await chain.identity();
  try {
    const limits = { deadlineMs: LOOK_MS, maxBytes: MAX_HEALTH_BYTES, signal };
    const { text } = await http.get(`${endpoint}/health`, limits);
    const { caps } = JSON.parse(text) as { readonly caps?: unknown };
    const stated = verifyCapabilities(sr25519, caps);
    return stated?.chain === identity ? stated : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
