import type { HeldRecord } from "../../../crypto/possession-proof.ts";
import { signRequestBody } from "../../../crypto/request-auth.ts";
import { isSubnetArray, isSubnetObject, type SubnetJson } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import type { ProbeDeps } from "../miner-probe.ts";

/** What a signed call to a miner needs. `http` calls addresses that a chain names. */
export interface MinerCallDeps extends Pick<ProbeDeps, "http" | "clock" | "signal"> {
  readonly identity: Pick<ProbeDeps["identity"], "hotkey" | "sign">;
}

export interface MinerCall {
  readonly endpoint: string;
  readonly bodyText: string;
  readonly deadlineMs: number;
  readonly maxBytes: number;
}

/** The longest vector in digits, with the metadata a record may have. */
const MAX_RECORD_BYTES = 1_048_576;

/**
 * What a miner gives as the public record of `cid` (spec 8.4), believed by nobody until it is hashed (V-W27). Null where
 * it has none, or gives no record. Errors: the signal's reason.
 */
export async function fetchContent(
  deps: MinerCallDeps,
  url: string,
  { cid, deadlineMs }: { readonly cid: string; readonly deadlineMs: number },
): Promise<Pick<HeldRecord, "embedding" | "metadata"> | null> {
  const call = { endpoint: "RepairSynapse", bodyText: JSON.stringify({ cid }), deadlineMs, maxBytes: MAX_RECORD_BYTES };
  const body = await callMiner(deps, url, call);
  if (!isSubnetObject(body)) return null;
  const [embedding, metadata] = [vectorOf(body.get("embedding")), body.get("metadata") ?? new Map()];
  return embedding && isSubnetObject(metadata) ? { embedding, metadata } : null;
}

/** The JSON of a 200 to a signed call; undefined for anything else. Errors: the signal's reason. */
export async function callMiner(
  { http, identity, clock, signal }: MinerCallDeps,
  url: string,
  { endpoint, bodyText, deadlineMs, maxBytes }: MinerCall,
): Promise<SubnetJson | undefined> {
  const sign = (message: Uint8Array) => identity.sign(message);
  const signed = signRequestBody({ bodyText, endpoint, nonce: clock.now(), hotkey: identity.hotkey, sign });
  try {
    const { status, text } = await http.postJson(`${url}/${endpoint}`, signed, { deadlineMs, maxBytes, signal });
    return status === 200 ? readSubnetJson(text) : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function vectorOf(value: SubnetJson | undefined): Float32Array | undefined {
  if (!isSubnetArray(value)) return undefined;
  const numbers = value.map((item) =>
    typeof item === "number" || typeof item === "bigint" ? Number(item) : Number.NaN,
  );
  const vector = Float32Array.from(numbers);
  return vector.every(Number.isFinite) ? vector : undefined;
}
