import { EngramError } from "../../../crypto/errors.ts";

/** Qdrant's own; its clients take it for `https` too. */
const DEFAULT_PORT = 6333;

export interface QdrantAddress {
  /** Scheme and host. */
  readonly url: string;
  readonly port: number;
  /** A path that a proxy serves Qdrant under; empty when there is none. */
  readonly prefix: string;
}

/**
 * Takes a `QDRANT_URL` apart, because the client drops its path. Without a port it means 6333, as everywhere with Qdrant:
 * behind a proxy on the usual port write `https://host:443`. Throws `CONFIG_INVALID`; the address is not shown.
 */
export function parseQdrantUrl(text: string): QdrantAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "" || url.hash !== "") {
    throw new EngramError("CONFIG_INVALID", "QDRANT_URL is not an http or https address", {
      fix: "write it like http://127.0.0.1:6333; the key goes into QDRANT_API_KEY",
    });
  }
  // `URL` forgets a port that is the scheme's own.
  const named = /^https?:\/\/[^/]*:(\d+)(?:\/|$)/i.exec(text)?.[1];
  return {
    url: `${url.protocol}//${url.hostname}`,
    port: named === undefined ? DEFAULT_PORT : Number(named),
    prefix: url.pathname.replace(/\/+$/, ""),
  };
}
