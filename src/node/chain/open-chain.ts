import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { ChainClient } from "../ports.ts";
import { HttpLocalChain, type SignerOf } from "./local/http-local-chain.ts";
import { LocalChain } from "./local/local-chain.ts";
import type { LocalChainControl } from "./local/local-chain-control.ts";
import { isLoopback } from "./loopback.ts";
import { networkOf } from "./subtensor/networks.ts";
import { SubtensorChain } from "./subtensor/subtensor-chain.ts";

/** A local chain in the hands of whoever runs it. */
export type ControlledChain = ChainClient & LocalChainControl;

/** What a real chain has to be told, and a simulated one has not. */
export interface SubnetOptions {
  /** The subnet's number there, unless the setting itself names one; default 450. */
  readonly netuid?: number;
  /** Most TAO that a registration may cost; default 0. */
  readonly maxRegistrationTao?: number;
}

const DEFAULT_NETUID = 450;

/**
 * The chain that `ENGRAM_CHAIN` names: `local` (simulated, in the data folder `home`) or `local:URL`, with `#ID` behind
 * it to take no other than `local:ID`; `test`, `finney` or `wss://` addresses of a Subtensor chain, as `networkOf` reads
 * them. `signerOf` gives the keys of those who write. Nothing is connected yet. Errors: `CHAIN_UNKNOWN`.
 */
export function openChain(
  setting: string,
  home: string,
  signerOf?: SignerOf,
  { netuid = DEFAULT_NETUID, ...options }: SubnetOptions = {},
): ChainClient {
  const network = networkOf(setting);
  if (!network) return openControlledChain(setting, home, signerOf);
  const folder = join(home, "subtensor");
  const subnet = { network, netuid: network.netuid ?? netuid, folder };
  return new SubtensorChain({ ...subnet, ...options, ...(signerOf ? { signerOf } : {}) });
}

/** As `openChain`, for local chains alone. */
export function openControlledChain(setting: string, home: string, signerOf?: SignerOf): ControlledChain {
  if (setting === "local") return new LocalChain({ path: join(home, "chain.db") });
  const served = setting.startsWith("local:") ? servedAt(setting.slice("local:".length)) : undefined;
  if (served) return new HttpLocalChain({ ...served, ...(signerOf ? { signerOf } : {}) });
  throw new EngramError("CHAIN_UNKNOWN", "ENGRAM_CHAIN names a chain this version does not know", {
    fix: "write local (simulated, in the data folder), local:http://127.0.0.1:PORT (served by engram chain), test, finney, or wss:// addresses of a chain",
  });
}

function servedAt(text: string): { readonly url: string; readonly identity?: string } | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Its reads are not signed: beyond this machine anybody could answer.
  if (url?.protocol !== "http:" || !isLoopback(url.hostname) || url.pathname !== "/" || url.search !== "")
    return undefined;
  return { url: url.origin, ...(url.hash === "" ? {} : { identity: `local:${url.hash.slice(1)}` }) };
}
