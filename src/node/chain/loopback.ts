import { BlockList, isIP, isIPv6 } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether `hostname` names this machine alone. */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) === 0) return bare === "localhost";
  return loopback.check(bare, isIPv6(bare) ? "ipv6" : "ipv4");
}
