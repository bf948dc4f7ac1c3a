import { isIP } from "node:net";
import { EngramError } from "../../crypto/errors.ts";
import { isLoopback } from "../../node/chain/loopback.ts";
import type { Fetch } from "../../node/runtime/http-client.ts";
import { isPublicAddress } from "../../node/runtime/public-address.ts";
import { createPublicFetch } from "../../node/runtime/public-fetch.ts";

const MAX_URL = 2_048;

/**
 * The URL of a webhook, as far as its text tells: https to the public internet, and with `loopback` this machine, too.
 * Errors: `WEBHOOK_URL`.
 */
export function checkWebhookUrl(text: string, loopback: boolean): string {
  const url = text.length <= MAX_URL ? URL.parse(text) : null;
  if (url?.username !== "" || url.password !== "" || url.hash !== "") throw unfit();
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const isHere = isLoopback(host);
  if (isHere && loopback && ["http:", "https:"].includes(url.protocol)) return url.href;
  if (isHere || url.protocol !== "https:" || host === "" || (isIP(host) !== 0 && !isPublicAddress(host))) throw unfit();
  return url.href;
}

/** A `fetch` for webhooks: names are resolved once, inner addresses never called, redirects not followed. */
export function webhookFetch(loopback: boolean): Fetch {
  const isPublic = (address: string) => isPublicAddress(address) || (loopback && isLoopback(address));
  return createPublicFetch({ allowsPort: () => true, isPublic });
}

function unfit(): EngramError {
  return new EngramError("WEBHOOK_URL", "this is no address that a gateway pushes to", {
    fix: "give an https URL on the public internet, without user name or fragment; this machine only where the operator allows it (ENGRAM_GATEWAY_WEBHOOK_LOOPBACK)",
  });
}
