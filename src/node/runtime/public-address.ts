import ipaddr from "ipaddr.js";

/** What is given out to the public internet of IPv6: everything else is local, reserved or a way to somewhere else. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/** Inside it, but for books alone (RFC 9637). */
const DOCUMENTATION = ipaddr.IPv6.parseCIDR("3fff::/20");

/**
 * Whether `address`, an IP address in text, belongs to one host of the public internet. Private, loopback, link-local,
 * shared, reserved, multicast and tunnelled addresses (mapped, 6to4, NAT64, Teredo) do not, and text that is no
 * address does not either.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  if (parsed instanceof ipaddr.IPv4) return true;
  return parsed.match(GLOBAL_UNICAST) && !parsed.match(DOCUMENTATION) && parsed.zoneId === undefined;
}
