import { isIPv6 } from "node:net";

/**
 * Whom a limit by address counts (F8): an IPv4 address, or the /64 of an IPv6 address, because one customer has
 * a whole one. An IPv4 address written as IPv6 is the IPv4 address.
 */
export function peerKey(address: string): string {
  const plain = address.split("%")[0] ?? address;
  // What has no colon is none, and need not be matched.
  if (!plain.includes(":") || !isIPv6(plain)) return plain;
  const mapped = /^::ffff:([0-9.]+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? 0 : tail.split(":").length;
  const zeros = tail === undefined ? 0 : 8 - before.length - after;
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...(tail ?? "").split(":")];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
