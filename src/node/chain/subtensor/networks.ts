import { EngramError } from "../../../crypto/errors.ts";

/** Where a chain is reached, and which chain it must be. */
export interface SubtensorNetwork {
  /** `ws://` or `wss://`, at least one; the first is asked first. */
  readonly urls: readonly string[];
  /** The genesis hash it must have; absent: whatever the first that answers has, and no other from then on. */
  readonly genesis?: string;
  /** The subnet's number there, where the setting names it. */
  readonly netuid?: number;
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
const NETUID = /^netuid=(\d{1,5})$/;

/**
 * The network that `ENGRAM_CHAIN` names: `test`, `finney`, or `ws://` and `wss://` addresses of one chain separated by
 * commas. Behind a `#` may stand the genesis hash that it must have and `netuid=N`, separated by a comma. `undefined`
 * for what names no network. Throws `CHAIN_UNKNOWN` where a part is malformed.
 */
export function networkOf(setting: string): SubtensorNetwork | undefined {
  const [list = "", fragment] = setting.split("#");
  const named = Object.hasOwn(NETWORKS, list) ? NETWORKS[list] : undefined;
  if (!named && !/^wss?:\/\//.test(list)) return undefined;
  const urls = named?.urls ?? list.split(",").map((url) => endpointUrl(url.trim()));
  const { genesis = named?.genesis, netuid } = fragment === undefined ? {} : readFragment(fragment);
  if (named?.genesis !== undefined && named.genesis !== genesis) throw malformed(`has another genesis than ${list}`);
  return { urls, ...(genesis === undefined ? {} : { genesis }), ...(netuid === undefined ? {} : { netuid }) };
}

function readFragment(fragment: string): Pick<SubtensorNetwork, "genesis" | "netuid"> {
  const parts = fragment.split(",");
  const genesis = parts.find((part) => GENESIS.test(part));
  const netuid = parts.map((part) => NETUID.exec(part)?.[1]).find((digits) => digits !== undefined);
  const known = (genesis === undefined ? 0 : 1) + (netuid === undefined ? 0 : 1);
  if (known < parts.length || Number(netuid ?? 0) > 65_535) {
    throw malformed("has behind its # what is neither a genesis hash (0x and 64 hex digits) nor netuid=N");
  }
  return { ...(genesis === undefined ? {} : { genesis }), ...(netuid === undefined ? {} : { netuid: Number(netuid) }) };
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
