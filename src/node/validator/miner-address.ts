import { BlockList, isIP, isIPv6 } from "node:net";

const inner = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["224.0.0.0", 3],
] as const) {
  inner.addSubnet(network, bits, "ipv4");
}
for (const [network, bits] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const) {
  inner.addSubnet(network, bits, "ipv6");
}

/**
 * Whether a validator may call a node that serves `endpoint`: on a real chain public addresses alone, because anybody
 * writes there (V-W7), and nobody is called at another's address (V-W6). A simulated chain's nodes are on this machine.
 */
export function isCallable(endpoint: string, isSimulated: boolean): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, hostname, pathname, search } = new URL(endpoint);
  if (!["http:", "https:"].includes(protocol) || pathname !== "/" || search !== "") return false;
  if (isSimulated) return true;
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare) !== 0 && !inner.check(bare, isIPv6(bare) ? "ipv6" : "ipv4");
}
