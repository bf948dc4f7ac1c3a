import ipaddr from "ipaddr.js";

/** The network that an IP address is in: a /24, or a /48 of IPv6. An IPv4 address written as IPv6 is the IPv4 address. */
export function networkOfAddress(address: string): string {
  const bytes = ipaddr.process(address).toByteArray();
  return bytes.slice(0, bytes.length === 4 ? 3 : 6).join(".");
}
