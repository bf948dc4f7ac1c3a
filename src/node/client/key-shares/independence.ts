import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv4 } from "node:net";
import type { ChainClient } from "../../ports.ts";
import { networkOfAddress } from "../../runtime/public-network.ts";
import type { KnownMiner } from "../replication/miner-client.ts";

export interface Independence {
  readonly independent: boolean;
  /** One sentence, when they are not. */
  readonly why?: string;
}

/** Whose a miner is and where it stands, as far as the chain and its address show. */
interface Place {
  readonly hotkey: string;
  readonly coldkey: string | undefined;
  readonly network: string | undefined;
}

const RESOLVE_MS = 3_000;
const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether the holders are different people in different places, as far as the chain and their addresses show. */
export async function judgeIndependence(miners: readonly KnownMiner[], chain: ChainClient): Promise<Independence> {
  if (await isSimulated(chain)) return dependent("the chain is simulated on this machine");
  const coldkeys = new Map<string, string>();
  const networks = new Map<string, string>();
  for (const { hotkey, coldkey, network } of await placesOf(miners, chain)) {
    if (coldkey === undefined) return dependent(`the chain knows no coldkey of ${hotkey}`);
    if (network === undefined) return dependent(`the address of ${hotkey} is unknown or on this machine`);
    const [sameOwner, samePlace] = [coldkeys.get(coldkey), networks.get(network)];
    if (sameOwner !== undefined) return dependent(`${sameOwner} and ${hotkey} have one coldkey`);
    if (samePlace !== undefined) return dependent(`${samePlace} and ${hotkey} are in one network`);
    coldkeys.set(coldkey, hotkey);
    networks.set(network, hotkey);
  }
  return { independent: true };
}

/** The miners of which no two share coldkey or network, in the order given; none where that cannot be known. */
export async function independentOnes(
  miners: readonly KnownMiner[],
  chain: ChainClient,
): Promise<readonly KnownMiner[]> {
  if (await isSimulated(chain)) return [];
  const taken = new Set<string>();
  const places = await placesOf(miners, chain);
  return miners.filter((_, index) => {
    const { coldkey, network } = places[index] ?? {};
    if (coldkey === undefined || network === undefined || taken.has(coldkey) || taken.has(network)) return false;
    taken.add(coldkey).add(network);
    return true;
  });
}

async function isSimulated(chain: ChainClient): Promise<boolean> {
  return (await chain.identity()).startsWith("local:");
}

async function placesOf(miners: readonly KnownMiner[], chain: ChainClient): Promise<readonly Place[]> {
  const { neurons } = await chain.metagraph();
  const coldkeys = new Map<string, string>(neurons.map(({ hotkey, coldkey }) => [hotkey, coldkey]));
  return Promise.all(
    miners.map(async ({ hotkey, url }) => ({
      hotkey,
      coldkey: coldkeys.get(hotkey),
      network: await networkOf(new URL(url).hostname),
    })),
  );
}

/** The /24 of an IPv4 address, the /48 of an IPv6 address; undefined for this machine and for names without one. */
async function networkOf(hostname: string): Promise<string | undefined> {
  const address = await addressOf(hostname.replace(/^\[|\]$/g, ""));
  if (address === undefined || loopback.check(address, isIPv4(address) ? "ipv4" : "ipv6")) return undefined;
  return networkOfAddress(address);
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
