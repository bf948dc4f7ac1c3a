import { isPublicAddress } from "../runtime/public-address.ts";

/**
 * Whether a validator may call a node that serves `endpoint`: on a real chain public addresses alone, because anybody
 * writes there (V-W7), and nobody is called at another's address (V-W6). A simulated chain's nodes are on this machine.
 */
export function isCallable(endpoint: string, isSimulated: boolean): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, hostname, pathname, search } = new URL(endpoint);
  if (!["http:", "https:"].includes(protocol) || pathname !== "/" || search !== "") return false;
  if (isSimulated) return true;
  return isPublicAddress(hostname.replace(/^\[(.*)\]$/, "$1"));
}
