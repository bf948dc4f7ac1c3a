import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv4 } from "node:net";
import type { ChainClient } from "../../ports.ts";
import type { KnownMiner } from "../replication/miner-client.ts";

export interface Independence {
  readonly independent: boolean;
  /** One sentence, when they are not. */
  readonly why?: string;
}

const RESOLVE_MS = 3_000;
const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether the holders are different people in different places, as far as the chain and their addresses show. */
export async function judgeIndependence(miners: readonly KnownMiner[], chain: ChainClient): Promise<Independence> {
  if ((await chain.identity()).startsWith("local:")) return dependent("the chain is simulated on this machine");
  const { neurons } = await chain.metagraph();
  const coldkeys = new Map<string, string>();
  const networks = new Map<string, string>();
  for (const { hotkey, url } of miners) {
    const coldkey = neurons.find((neuron) => neuron.hotkey === hotkey)?.coldkey;
    if (coldkey === undefined) return dependent(`the chain knows no coldkey of ${hotkey}`);
    const network = await networkOf(new URL(url).hostname);
    if (network === undefined) return dependent(`the address of ${hotkey} is unknown or on this machine`);
    const [sameOwner, samePlace] = [coldkeys.get(coldkey), networks.get(network)];
    if (sameOwner !== undefined) return dependent(`${sameOwner} and ${hotkey} have one coldkey`);
    if (samePlace !== undefined) return dependent(`${samePlace} and ${hotkey} are in one network`);
    coldkeys.set(coldkey, hotkey);
    networks.set(network, hotkey);
  }
  return { independent: true };
}

/** The /16 of an IPv4 address, the /32 of an IPv6 address; undefined for this machine and for names without one. */
async function networkOf(hostname: string): Promise<string | undefined> {
  const address = await addressOf(hostname.replace(/^\[|\]$/g, ""));
  if (address === undefined || loopback.check(address, isIPv4(address) ? "ipv4" : "ipv6")) return undefined;
  if (isIPv4(address)) return address.split(".").slice(0, 2).join(".");
  return address.toLowerCase().split(":").slice(0, 2).join(":");
}

async function addressOf(name: string): Promise<string | undefined> {
  if (isIP(name) !== 0) return name;
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, RESOLVE_MS, undefined).unref());
  const found = lookup(name).then(
    ({ address }) => address,
    () => undefined,
  );
  return Promise.race([found, late]);
}

function dependent(why: string): Independence {
  return { independent: false, why };
}
