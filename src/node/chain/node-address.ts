import { isIP } from "node:net";
import type { Fetch } from "../runtime/http-client.ts";
import { isPublicAddress } from "../runtime/public-address.ts";
import { createPublicFetch } from "../runtime/public-fetch.ts";
import { isLoopback } from "./loopback.ts";

/**
 * The origin of an address that a node published on its chain, when nodes may call it, else null. Anybody writes there:
 * on a real chain IP addresses of the public internet alone count (V-W7), and a simulated chain's nodes are on this
 * machine. Port and scheme are those published (V-W20), and nothing stands in for what cannot be called (V-W6).
 */
export function callableOrigin(endpoint: string, isSimulated: boolean): string | null {
  const url = URL.parse(endpoint);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search !== "") return null;
  if (url.username !== "" || url.password !== "" || url.hash !== "") return null;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isThere = isSimulated ? isLoopback(host) : isIP(host) !== 0 && isPublicAddress(host);
  return isThere ? url.origin : null;
}

/**
 * A `fetch` for addresses that a chain names: the host is resolved once, what it resolves to is held to the rule of
 * `callableOrigin`, and that very address is connected to. Redirects are answers, not followed. `trusted` origins were
 * named by the operator and are called wherever they are. Errors: those of `createPublicFetch`.
 */
export function createNodeFetch({
  isSimulated,
  trusted = [],
}: {
  readonly isSimulated: boolean;
  readonly trusted?: readonly string[];
}): Fetch {
  const guarded = createPublicFetch({
    allowsPort: () => true,
    keepsConnections: true,
    ...(isSimulated ? { isPublic: isLoopback } : {}),
  });
  const origins = new Set(trusted.map((url) => new URL(url).origin));
  return (request) => (origins.has(new URL(request.url).origin) ? fetch(request) : guarded(request));
}
