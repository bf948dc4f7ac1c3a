import { EngramError } from "../../../crypto/errors.ts";

/** Where a chain is reached, and which chain it must be. */
export interface SubtensorNetwork {
  /** `ws://` or `wss://`, at least one; the first is asked first. */
  readonly urls: readonly string[];
  /** The genesis hash it must have; absent: whatever the first that answers has, and no other from then on. */
  readonly genesis?: string;
}

const NETWORKS: Readonly<Record<string, SubtensorNetwork>> = {
  finney: {
    urls: ["wss://entrypoint-finney.opentensor.ai:443", "wss://archive.chain.opentensor.ai:443"],
    genesis: "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03",
  },
  // It was begun anew before, so that its genesis is not pinned.
  test: { urls: ["wss://test.finney.opentensor.ai:443"] },
};

const GENESIS = /^0x[0-9a-f]{64}$/;

/**
 * The network that `ENGRAM_CHAIN` names: `test`, `finney`, or `ws://` and `wss://` addresses of one chain separated by
 * commas, each with `#GENESIS` behind the last to take no other; `undefined` for what names none. Throws
 * `CHAIN_UNKNOWN` where an address is malformed.
 */
export function networkOf(setting: string): SubtensorNetwork | undefined {
  const [list = "", genesis] = setting.split("#");
  const named = Object.hasOwn(NETWORKS, list) ? NETWORKS[list] : undefined;
  if (!named && !/^wss?:\/\//.test(list)) return undefined;
  const urls = named?.urls ?? list.split(",").map((url) => endpointUrl(url.trim()));
  if (genesis === undefined) return named ?? { urls };
  if (!GENESIS.test(genesis)) throw malformed("has no genesis hash behind the # (0x and 64 hex digits)");
  if (named?.genesis !== undefined && named.genesis !== genesis) throw malformed(`has another genesis than ${list}`);
  return { urls, genesis };
}

function endpointUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "ws:" || url?.protocol === "wss:") return url.href;
  throw malformed("names an endpoint that is no ws:// or wss:// address");
}

function malformed(what: string): EngramError {
  return new EngramError("CHAIN_UNKNOWN", `ENGRAM_CHAIN ${what}`, {
    fix: "write test, finney, or addresses such as wss://one.example:443,wss://other.example:443",
  });
}
