import { BlockList, isIP } from "node:net";

/** Who asks, behind any proxies. */
export interface Client {
  readonly peer: string;
  /** Whether it came over TLS, here or at a trusted proxy. What the request's URL says of it is the sender's word. */
  readonly secure: boolean;
}

/** Whether `text` is addresses and networks (`10.0.0.0/8`) separated by commas; none is allowed. */
export function isTrustedProxyList(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * Tells clients apart behind trusted proxies (M-W21): the last address in `X-Forwarded-For` that is no trusted proxy's,
 * and `X-Forwarded-Proto` of the nearest one. From anybody else these headers mean nothing.
 */
export class TrustedProxies {
  readonly #list: BlockList;

  /** `text` as `isTrustedProxyList` takes it. */
  constructor(text: string) {
    this.#list = parse(text) ?? new BlockList();
  }

  clientOf(headers: Headers, peer: string): Client {
    if (!this.#has(peer)) return { peer, secure: false };
    const hops = (headers.get("x-forwarded-for") ?? "").split(",").flatMap((hop) => addressOf(hop) ?? []);
    const secure = headers.get("x-forwarded-proto")?.split(",").at(-1)?.trim().toLowerCase() === "https";
    return { peer: hops.findLast((hop) => !this.#has(hop)) ?? hops[0] ?? peer, secure };
  }

  #has(address: string): boolean {
    const plain = plainAddress(address);
    return isIP(plain) !== 0 && this.#list.check(plain, familyOf(plain));
  }
}

/** What `X-Forwarded-For` names by address; a port after it does not count. */
function addressOf(hop: string): string | undefined {
  const text = hop.trim();
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([0-9.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? undefined : bare;
}

/** An IPv4 address that a socket shows as IPv6 is the IPv4 address. */
function plainAddress(address: string): string {
  return /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address.split("%")[0] ?? address;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function parse(text: string): BlockList | undefined {
  const list = new BlockList();
  for (const entry of text.split(",").flatMap((part) => part.trim() || [])) {
    const [address = "", bits, ...rest] = entry.split("/");
    const family = familyOf(address);
    const width = family === "ipv6" ? 128 : 32;
    const isWhole = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
    if (isIP(address) === 0 || !isWhole || rest.length > 0) return undefined;
    list.addSubnet(address, Number(bits ?? width), family);
  }
  return list;
}
