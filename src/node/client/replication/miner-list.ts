import { EngramError } from "../../../crypto/errors.ts";
import { isHotkey } from "../../../crypto/ss58.ts";
import { servingMiners } from "../../chain/serving-miners.ts";
import type { ChainClient } from "../../ports.ts";
import type { KnownMiner } from "./miner-client.ts";

/**
 * The miners of this client: those it was told of, else those the chain shows, else the one in its own process
 * (design: zero configuration). With a remote miner the embedded one is off.
 */
export async function knownMiners(
  configured: readonly KnownMiner[],
  chain: ChainClient,
  embedded: () => Promise<KnownMiner | undefined>,
): Promise<readonly KnownMiner[]> {
  if (configured.length > 0) return configured;
  const [{ neurons }, identity] = await Promise.all([chain.metagraph(), chain.identity()]);
  const serving = servingMiners(neurons, identity.startsWith("local:")).map(
    ({ uid, hotkey, url, stakeTao }): KnownMiner => ({ uid, hotkey, url, embedded: false, stakeTao }),
  );
  if (serving.length > 0) return serving;
  const own = await embedded();
  return own ? [own] : [];
}

/** Parses `ENGRAM_MINERS`: `hotkey@url` separated by commas. Throws `MINERS_INVALID`. */
export function parseMinerList(text: string): readonly KnownMiner[] {
  const miners = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry, uid) => parseMiner(entry, uid));
  const twice = miners.find(({ hotkey }, index) => miners.findIndex((other) => other.hotkey === hotkey) !== index);
  if (twice) throw invalidList(`names ${twice.hotkey} twice`);
  return miners;
}

function parseMiner(entry: string, uid: number): KnownMiner {
  const at = entry.indexOf("@");
  const hotkey = entry.slice(0, Math.max(at, 0));
  const url = URL.parse(entry.slice(at + 1));
  if (!isHotkey(hotkey)) throw invalidList("has an entry whose part before the @ is not a hotkey");
  if (!url || !["http:", "https:"].includes(url.protocol) || url.username !== "" || url.search !== "") {
    throw invalidList(`has no usable address for ${hotkey}`);
  }
  return { hotkey, url: url.href.replace(/\/+$/, ""), embedded: false, uid };
}

function invalidList(what: string): EngramError {
  return new EngramError("MINERS_INVALID", `the list of miners ${what}`, {
    fix: "write ENGRAM_MINERS as hotkey@http://host:port, several separated by commas",
  });
}
